import io
import random
import tracemalloc

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from hq.crypto import stream
from hq.crypto.aead import Tampered
from hq.crypto.stream import (
    CHUNK_BYTES,
    HEADER_BYTES,
    SealingWriter,
    TooLarge,
    open_stream,
    plain_size,
    sealed_size,
)

KEY = bytes(range(32))
AAD = b"object 1, version 1"
PLAIN = random.Random(20261122).randbytes(5 * CHUNK_BYTES)
SEALED_CHUNK = CHUNK_BYTES + 16
SIZES = [
    0,
    1,
    100,
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    2 * CHUNK_BYTES,
    3 * CHUNK_BYTES - 7,
    3 * CHUNK_BYTES,
]


def seal(plain: bytes, *, key: bytes = KEY, aad: bytes = AAD, piece: int = 2**30) -> bytes:
    sink = io.BytesIO()
    writer = SealingWriter(sink, key, aad)
    for start in range(0, len(plain), piece):
        writer.write(plain[start : start + piece])
    assert writer.finish() == writer.size == len(plain)
    return sink.getvalue()


def read(sealed: bytes, *, key: bytes = KEY, aad: bytes = AAD, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join(open_stream(io.BytesIO(sealed), key, aad, start=start, stop=stop))


def refused(sealed: bytes, *, key: bytes = KEY, aad: bytes = AAD, plain: bytes = PLAIN) -> None:
    """Reading fails, and whatever came out before was the true beginning."""
    pieces: list[bytes] = []
    with pytest.raises(Tampered):
        pieces.extend(open_stream(io.BytesIO(sealed), key, aad))
    seen = b"".join(pieces)
    assert plain.startswith(seen)
    assert len(seen) < len(plain) or not plain


def chunks_of(sealed: bytes) -> list[bytes]:
    return [sealed[start : start + SEALED_CHUNK] for start in range(HEADER_BYTES, len(sealed), SEALED_CHUNK)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [1000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2**30])
def test_it_reads_what_was_written_in_any_pieces(size, piece):
    sealed = seal(PLAIN[:size], piece=piece)
    assert read(sealed) == PLAIN[:size]
    assert len(sealed) == sealed_size(size)
    assert plain_size(len(sealed)) == size


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2 * CHUNK_BYTES), max_size=6))
def test_it_does_not_matter_how_the_pieces_were_cut(lengths):
    sink = io.BytesIO()
    writer = SealingWriter(sink, KEY, AAD)
    plain = b""
    for length in lengths:
        assert writer.write(bytearray(PLAIN[:length])) == length
        plain += PLAIN[:length]
    assert writer.finish() == len(plain)
    assert read(sink.getvalue()) == plain


def test_it_is_laid_out_as_its_docstring_tells():
    plain = PLAIN[: CHUNK_BYTES + 5]
    sealed = seal(plain)
    header, salt, prefix = sealed[:44], sealed[5:37], sealed[37:44]
    assert header[:5] == b"HQSF\x01"
    cipher = AESGCM(HKDF(SHA256(), 32, salt, b"hq-file-v1\x00" + header).derive(KEY))
    first = cipher.encrypt(prefix + b"\x00\x00\x00\x00" + b"\x00", plain[:CHUNK_BYTES], header + AAD)
    last = cipher.encrypt(prefix + b"\x00\x00\x00\x01" + b"\x01", plain[CHUNK_BYTES:], header + AAD)
    assert sealed == header + first + last


def test_it_has_one_empty_last_chunk_when_it_is_empty():
    assert len(seal(b"")) == HEADER_BYTES + 16
    assert list(open_stream(io.BytesIO(seal(b"")), KEY, AAD)) == []


def test_it_has_a_full_last_chunk_at_an_exact_multiple():
    assert len(seal(PLAIN[: 2 * CHUNK_BYTES])) == HEADER_BYTES + 2 * SEALED_CHUNK


def test_it_never_seals_the_same_twice():
    one, two = seal(PLAIN), seal(PLAIN)
    assert one[5:37] != two[5:37]
    assert not {*chunks_of(one)} & {*chunks_of(two)}


@pytest.mark.parametrize("size", [0, 10, CHUNK_BYTES, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 20])
def test_it_refuses_a_file_cut_anywhere_near_a_boundary(size):
    plain = PLAIN[:size]
    sealed = seal(plain)
    edges = [0, HEADER_BYTES, *range(HEADER_BYTES, len(sealed) + 1, SEALED_CHUNK), len(sealed)]
    ends = {edge + shift for edge in edges for shift in (-17, -16, -15, -1, 0, 1, 5, 15, 16, 17, 30_000)}
    for end in ends:
        if 0 <= end < len(sealed):
            with pytest.raises(Tampered):
                open_stream(io.BytesIO(sealed[:end]), KEY, AAD)


@settings(max_examples=100)
@given(st.integers(0, sealed_size(len(PLAIN)) - 1))
def test_it_refuses_a_cut_file_before_its_first_byte(end):
    with pytest.raises(Tampered):
        open_stream(io.BytesIO(SEALED[:end]), KEY, AAD)


SEALED = seal(PLAIN)


@pytest.mark.parametrize(
    "more",
    [
        b"\x00",
        bytes(16),
        bytes(17),
        b"x" * 1000,
        bytes(SEALED_CHUNK),
        SEALED[-SEALED_CHUNK:],
        SEALED[HEADER_BYTES:],
        SEALED,
    ],
    ids=len,
)
@pytest.mark.parametrize("size", [0, 10, CHUNK_BYTES, len(PLAIN)])
def test_it_refuses_an_extended_file_before_its_first_byte(size, more):
    sealed = SEALED if size == len(PLAIN) else seal(PLAIN[:size])
    with pytest.raises(Tampered):
        open_stream(io.BytesIO(sealed + more), KEY, AAD)


@pytest.mark.parametrize(
    "order", [(1, 0, 2, 3, 4), (0, 2, 1, 3, 4), (0, 1, 2, 4, 3), (4, 1, 2, 3, 0), (0, 0, 2, 3, 4), (0, 1, 2, 3, 3)]
)
def test_it_refuses_chunks_in_another_order(order):
    chunks = chunks_of(SEALED)
    refused(SEALED[:HEADER_BYTES] + b"".join(chunks[number] for number in order))


def test_it_refuses_a_missing_or_doubled_chunk():
    chunks = chunks_of(SEALED)
    for number in range(len(chunks)):
        refused(SEALED[:HEADER_BYTES] + b"".join(chunks[:number] + chunks[number + 1 :]))
        refused(SEALED[:HEADER_BYTES] + b"".join(chunks[: number + 1] + chunks[number:]))


def test_it_refuses_a_chunk_of_another_file_at_its_own_place():
    mine, other = chunks_of(SEALED), chunks_of(seal(PLAIN))
    for number in range(len(mine)):
        refused(SEALED[:HEADER_BYTES] + b"".join([*mine[:number], other[number], *mine[number + 1 :]]))


def test_it_refuses_the_header_of_another_file():
    refused(seal(PLAIN)[:HEADER_BYTES] + SEALED[HEADER_BYTES:])


def test_it_refuses_a_flipped_bit_in_every_part():
    places = [*range(HEADER_BYTES)]
    for start in range(HEADER_BYTES, len(SEALED), SEALED_CHUNK):
        places += [
            start,
            start + 1,
            start + 30_000,
            start + CHUNK_BYTES - 1,
            start + CHUNK_BYTES,
            start + CHUNK_BYTES + 15,
        ]
    for place in places:
        changed = bytearray(SEALED)
        changed[place] ^= 0x80
        refused(bytes(changed))


def test_it_yields_nothing_of_a_bad_chunk_and_everything_before_it():
    changed = bytearray(SEALED)
    changed[HEADER_BYTES + 2 * SEALED_CHUNK] ^= 1
    pieces = open_stream(io.BytesIO(bytes(changed)), KEY, AAD)
    assert next(pieces) + next(pieces) == PLAIN[: 2 * CHUNK_BYTES]
    with pytest.raises(Tampered):
        next(pieces)
    assert list(pieces) == []


@pytest.mark.parametrize("size", [0, 10, 2 * CHUNK_BYTES])
@pytest.mark.parametrize(
    ("key", "aad"), [(bytes(32), AAD), (KEY, b""), (KEY, AAD + b"x"), (KEY, b"object 1, version 2")]
)
def test_it_refuses_another_key_or_place(size, key, aad):
    refused(seal(PLAIN[:size]), key=key, aad=aad, plain=PLAIN[:size])


@pytest.mark.parametrize("junk", [b"", b"HQSF\x01", bytes(60), b"HQSF\x02" + bytes(55), b"x" * 100_000], ids=len)
def test_it_refuses_what_is_no_sealed_file(junk):
    refused(junk)


def test_it_refuses_a_file_of_another_format_even_if_the_key_is_right(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(stream, "_MAGIC", b"HQSF\x02")
        sealed = seal(b"text")
    refused(sealed, plain=b"text")


@settings(max_examples=200)
@given(st.integers(0, len(PLAIN) + 10), st.none() | st.integers(0, len(PLAIN) + 10))
def test_it_reads_any_range_like_a_slice(start, stop):
    assert read(SEALED, start=start, stop=stop) == PLAIN[start:stop]


@pytest.mark.parametrize(
    "edge", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 4 * CHUNK_BYTES, 5 * CHUNK_BYTES - 1]
)
def test_it_reads_ranges_at_the_edges_of_chunks(edge):
    for length in (0, 1, 2, CHUNK_BYTES, CHUNK_BYTES + 1):
        assert read(SEALED, start=edge, stop=edge + length) == PLAIN[edge : edge + length]


def test_it_reads_only_the_chunks_a_range_needs():
    class Counting(io.BytesIO):
        got = 0

        def read(self, size=-1, /):
            data = super().read(size)
            self.got += len(data)
            return data

    source = Counting(SEALED)
    assert b"".join(open_stream(source, KEY, AAD, start=10, stop=20)) == PLAIN[10:20]
    assert source.got == HEADER_BYTES + 2 * SEALED_CHUNK  # The last chunk proves the size.


def test_it_proves_the_size_even_for_a_range_elsewhere():
    cut = SEALED[: HEADER_BYTES + 3 * SEALED_CHUNK]
    for start, stop in [(0, 10), (4 * CHUNK_BYTES, 4 * CHUNK_BYTES + 10), (10**9, None)]:
        with pytest.raises(Tampered):
            open_stream(io.BytesIO(cut), KEY, AAD, start=start, stop=stop)


def test_it_does_not_meet_a_bad_chunk_outside_of_the_range():
    changed = bytearray(SEALED)
    changed[HEADER_BYTES] ^= 1
    assert read(bytes(changed), start=CHUNK_BYTES) == PLAIN[CHUNK_BYTES:]


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (0, -1)])
def test_it_refuses_ranges_that_count_from_the_end(start, stop):
    with pytest.raises(ValueError):
        open_stream(io.BytesIO(SEALED), KEY, AAD, start=start, stop=stop)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_it_takes_only_256_bit_keys(length):
    with pytest.raises(ValueError):
        SealingWriter(io.BytesIO(), bytes(length), AAD)
    with pytest.raises(ValueError):
        open_stream(io.BytesIO(SEALED), bytes(length), AAD)


def test_it_finds_a_file_that_becomes_shorter_while_it_is_read():
    source = io.BytesIO(SEALED)
    pieces = open_stream(source, KEY, AAD)
    next(pieces)
    source.truncate(HEADER_BYTES + SEALED_CHUNK + 100)
    with pytest.raises(Tampered):
        next(pieces)


def test_it_is_cut_until_it_is_finished():
    sink = io.BytesIO()
    writer = SealingWriter(sink, KEY, AAD)
    writer.write(PLAIN)
    refused(sink.getvalue())


def test_it_takes_nothing_more_once_it_is_finished():
    writer = SealingWriter(io.BytesIO(), KEY, AAD)
    writer.finish()
    with pytest.raises(ValueError):
        writer.write(b"x")
    with pytest.raises(ValueError):
        writer.finish()


def test_it_never_uses_a_nonce_again_after_a_failed_write():
    class Full(io.BytesIO):
        full = False

        def write(self, data, /):
            if self.full:
                raise OSError("No space left.")
            return super().write(data)

    sink = Full()
    writer = SealingWriter(sink, KEY, AAD)
    writer.write(PLAIN[: 2 * CHUNK_BYTES])
    sink.full = True
    with pytest.raises(OSError, match="No space left"):
        writer.write(PLAIN)
    sink.full = False
    writer.write(PLAIN)
    writer.finish()
    refused(sink.getvalue(), plain=PLAIN * 3)


def test_it_works_on_files_that_move_a_few_bytes_at_a_time():
    class Slow(io.BytesIO):
        def write(self, data, /):
            return super().write(bytes(data[:5000]))

        def read(self, size=-1, /):
            return super().read(min(size, 7000))

    sink = Slow()
    writer = SealingWriter(sink, KEY, AAD)
    writer.write(PLAIN[:200_000])
    writer.finish()
    assert b"".join(open_stream(Slow(sink.getvalue()), KEY, AAD)) == PLAIN[:200_000]


def test_it_stops_at_a_file_that_accepts_no_more():
    class Deaf(io.BytesIO):
        def write(self, data, /):
            return 0

    with pytest.raises(OSError, match="accepted no more"):
        SealingWriter(Deaf(), KEY, AAD)


def test_it_refuses_to_number_more_chunks_than_it_can(monkeypatch):
    monkeypatch.setattr(stream, "MAX_CHUNKS", 3)
    assert len(seal(PLAIN[: 3 * CHUNK_BYTES])) == HEADER_BYTES + 3 * SEALED_CHUNK
    with pytest.raises(TooLarge):
        seal(PLAIN[: 3 * CHUNK_BYTES + 1])
    with pytest.raises(Tampered):
        open_stream(io.BytesIO(SEALED), KEY, AAD)


def test_it_needs_the_same_memory_at_any_size(tmp_path):
    def peak(chunks: int) -> int:
        target = tmp_path / "sealed"
        tracemalloc.start()
        with target.open("wb") as sink:
            writer = SealingWriter(sink, KEY, AAD)
            for _ in range(chunks):
                writer.write(PLAIN[:CHUNK_BYTES])
            writer.finish()
        with target.open("rb") as source:
            total = sum(map(len, open_stream(source, KEY, AAD)))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == chunks * CHUNK_BYTES
        return used

    peak(2)
    assert peak(300) < peak(3) + CHUNK_BYTES
    assert peak(300) < 10 * CHUNK_BYTES
