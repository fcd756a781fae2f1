import json
from collections import OrderedDict
from enum import IntEnum, StrEnum

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from hq.lib import canonical as module
from hq.lib.canonical import NotCanonical, canonical

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
ANY = st.recursive(
    PLAIN | st.floats(allow_nan=False, allow_infinity=False), lambda inner: st.lists(inner, max_size=3), max_leaves=6
)


class Colour(StrEnum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


class Row(list[int]):
    __slots__ = ()


class Shouting(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "LOUD"


@given(ANY)
def test_it_equals_rfc8785_for_every_document(value):
    assert canonical(value) == rfc8785.dumps(value)


@given(PLAIN)
def test_it_reads_back_as_the_same_document(value):
    assert json.loads(canonical(value)) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # RFC 8785 section 3.2.3: sorted by UTF-16 code units, so the astral key comes before U+FB33.
        (
            {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7},
            '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}',
        ),
        (1.0, "1"),
        (-0.0, "0"),
        (1e16, "10000000000000000"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        ([56.0, {"d": True, "10": None, "1": []}], '[56,{"1":[],"10":null,"d":true}]'),
        ('\u20ac$\x0f\nA\'B"\\\\"/', '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
        (2**53 - 1, "9007199254740991"),
        (-(2**53) + 1, "-9007199254740991"),
        ((1, 2), "[1,2]"),
        ({"colour": Colour.RED}, '{"colour":"red"}'),
        ({}, "{}"),
    ],
)
def test_it_writes_the_bytes_of_rfc8785(value, expected):
    assert canonical(value) == expected.encode()


@pytest.mark.parametrize("value", [True, "\u20ac", [1, {"a": None}], {"b": 2, "a": [-1]}, {}, 2**53 - 1])
def test_it_takes_the_fast_path_for_plain_documents(value, monkeypatch):
    monkeypatch.setattr(module, "_slow", None)
    assert canonical(value) == orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        [0.0],
        {"\u00e9": 1},
        {"a": {"\U0001f600": 1}},
        (1,),
        Colour.RED,
        Shouting("a"),
        Number.ONE,
        Row([1]),
        OrderedDict(a=1),
    ],
)
def test_it_leaves_everything_else_to_rfc8785(value, monkeypatch):
    monkeypatch.setattr(orjson, "dumps", None)
    assert canonical(value) == rfc8785.dumps(value)


def _endless() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


def _deep(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        2**53,
        -(2**53),
        2**60,
        [2**60],
        float("nan"),
        float("inf"),
        "\ud800",
        ["\udfff"],
        {"\ud800": 1},
        {"\udead": 1.5},
        {1: 2},
        {None: 1},
        b"bytes",
        {1, 2},
        object(),
        _endless(),
        _deep(100_000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_refuses_what_has_no_canonical_form(value):
    with pytest.raises(NotCanonical):
        canonical(value)
