"""Whatever the size of an object, it passes through in constant memory."""

import tracemalloc
from collections.abc import Iterator

import pytest

from tests.factories import Place
from vault import actions

MEBIBYTE = 1024 * 1024


def pieces(mebibytes: int) -> Iterator[bytes]:
    for number in range(mebibytes * 4):
        yield number.to_bytes(4, "big") * (MEBIBYTE // 16)


@pytest.mark.parametrize("mebibytes", [4, 64])
def test_putting_and_getting_takes_less_than_four_mebibytes(place: Place, mebibytes: int) -> None:
    actor = place.actor()
    actions.put_object(actor=actor, path="warm", chunks=[b"up"])
    tracemalloc.start()
    try:
        made = actions.put_object(actor=actor, path="a", chunks=pieces(mebibytes))
        read = sum(map(len, actions.open_object(actor=actor, path="a").read()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert made.version.size == read == mebibytes * MEBIBYTE
    assert peak < 4 * MEBIBYTE
