"""An object put into the embedded store and got back, against the least that could do the same.

That is: each 64 KiB through AES-256-GCM, written to a file on the same disk, with the same two fsyncs (the file, and
the folder that holds its new name), then read and decrypted. No numbering, no header, no verified end.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from bench.figures import Figure, Report, forget_peak, peak, rate, ratios, seconds, take_turns
from bench.raw import syncs
from hq.db.context import tenant
from hq.lib.ids import new_id
from tests.factories import Place, make_place
from vault import actions
from vault.store import ObjectStore, store_for

CHUNK = os.urandom(64 * 1024)
MIB = 1024 * 1024
BUCKET = "bench"


def measure(*, rounds: int = 7, mib: int = 256) -> Report:
    count = mib * MIB // len(CHUNK)
    store, bare, place = store_for("embedded"), Path(settings.DATA_DIR) / "objects" / "bare", make_place()
    store.make_bucket(BUCKET)
    bare.mkdir(exist_ok=True)
    used = _memory(_vault(place, count))  # before anything has made the process grow
    put, get = _store(store, count)
    bare_put, bare_get = _bare(bare, count)
    puts, bare_puts, gets, bare_gets, whole = take_turns(rounds, put, bare_put, get, bare_get, _vault(place, count))
    return Report(
        sizes=f"{mib} MiB in chunks of 64 KiB; the file's pages are in memory when it is read",
        figures=[
            Figure(what="put through the store, of the bare speed", samples=ratios(bare_puts, puts), at_least=0.5),
            Figure(what="get through the store, of the bare speed", samples=ratios(bare_gets, gets), at_least=0.5),
            Figure(
                what="put_object and open_object, of the bare speed",
                samples=ratios([sum(pair) for pair in zip(bare_puts, bare_gets, strict=True)], whole),
                at_least=0.5,
            ),
            Figure(what="peak memory over idle", samples=[used / MIB], unit=" MiB", at_most=100),
        ],
        beside={
            "put": f"{rate(mib, puts, ' MiB/s')}, bare {rate(mib, bare_puts, ' MiB/s')}",
            "get": f"{rate(mib, gets, ' MiB/s')}, bare {rate(mib, bare_gets, ' MiB/s')}",
            "SHA-256 of as much, in put_object": rate(mib, [seconds(lambda: _hash(count))], " MiB/s"),
            "raw write + fdatasync": rate(200, [syncs(200, bare)]),
        },
    )


def _chunks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield CHUNK


def _hash(count: int) -> None:
    digest = hashlib.sha256()
    for chunk in _chunks(count):
        digest.update(chunk)


def _exhaust(pieces: Iterator[bytes], count: int) -> None:
    if sum(map(len, pieces)) != count * len(CHUNK):
        raise AssertionError("Not everything came back.")


def _store(store: ObjectStore, count: int) -> tuple[Callable[[], float], Callable[[], float]]:
    content_key, aad, kept = os.urandom(32), b"bench", f"{BUCKET}/{new_id().hex}"

    def write(key: str) -> None:
        with store.put(BUCKET, key, content_key=content_key, aad=aad) as writer:
            for chunk in _chunks(count):
                writer.write(chunk)

    def put() -> float:
        key = f"{BUCKET}/{new_id().hex[:-2]}{kept[-2:]}"  # the same folder: making one costs the first object there
        taken = seconds(lambda: write(key))
        store.delete(BUCKET, key)
        return taken

    def read() -> None:
        _exhaust(iter(store.open(BUCKET, kept, content_key=content_key, aad=aad)), count)

    write(kept)
    return put, lambda: seconds(read)


def _bare(folder: Path, count: int) -> tuple[Callable[[], float], Callable[[], float]]:
    cipher, aad = AESGCM(os.urandom(32)), b"bench"

    def write(path: Path) -> None:
        sealed = bytearray(len(CHUNK) + 16)
        with path.with_suffix(".draft").open("xb", buffering=0) as file:
            for number, chunk in enumerate(_chunks(count)):
                cipher.encrypt_into(number.to_bytes(12, "big"), chunk, aad, sealed)
                file.write(sealed)
            os.fsync(file.fileno())
        path.with_suffix(".draft").rename(path)
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    def read(path: Path) -> Iterator[bytes]:
        with path.open("rb", buffering=0) as file:
            for number in range(count):
                yield cipher.decrypt(number.to_bytes(12, "big"), file.read(len(CHUNK) + 16), aad)

    def put() -> float:
        taken = seconds(lambda: write(folder / "new"))
        (folder / "new").unlink()
        return taken

    write(folder / "kept")
    return put, lambda: seconds(lambda: _exhaust(read(folder / "kept"), count))


def _vault(place: Place, count: int) -> Callable[[], float]:
    """As a request does it: gate, rows, lease, SHA-256, event; and back."""
    actor = place.actor()

    def put_and_get() -> None:
        actions.put_object(actor=actor, path="bench.bin", chunks=_chunks(count))
        opened = actions.open_object(actor=actor, path="bench.bin")
        with tenant(place.id):
            pieces = opened.read()
        _exhaust(iter(pieces), count)

    return lambda: seconds(put_and_get)


def _memory(work: Callable[[], object]) -> int:
    """How many bytes the process grows by at its largest while it works."""
    idle = forget_peak()
    work()
    return peak() - idle
