import pytest

from hq.crypto.aead import Tampered
from hq.crypto.stream import CHUNK_BYTES, MAX_CHUNKS, TooLarge, plain_size, sealed_size

SEALED_CHUNK = CHUNK_BYTES + 16


def test_it_counts_sizes_both_ways():
    for size in [*range(40), *(number * CHUNK_BYTES + shift for number in (1, 2, 9) for shift in range(-20, 20))]:
        assert plain_size(sealed_size(size)) == size
    assert plain_size(sealed_size(MAX_CHUNKS * CHUNK_BYTES)) == MAX_CHUNKS * CHUNK_BYTES
    with pytest.raises(TooLarge):
        sealed_size(MAX_CHUNKS * CHUNK_BYTES + 1)
    with pytest.raises(ValueError):
        sealed_size(-1)


def test_it_knows_which_sizes_no_sealed_file_has():
    possible = {sealed_size(size) for size in range(3 * CHUNK_BYTES)}
    for sealed in range(3 * SEALED_CHUNK):
        if sealed not in possible:
            with pytest.raises(Tampered):
                plain_size(sealed)
