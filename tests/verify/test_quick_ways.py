"""What bin/verify does quickly with many lines says the same as the slow way, whatever was seen before."""

import random
from typing import Any

import pytest

from hq.crypto import chain
from hq.lib.canonical import canonical
from tests.verify import trails
from tests.verify.program import VERIFY
from tests.verify.test_tampering import followed
from tests.verify.trails import LABELS, Export, Line, entry, jsonl, trail

TIMES = 3000
PIECES = [*LABELS, "a:", ":", ',"b":', "12:30", "", "é", "{", "]", "\\", '"', "\u2028", "\x7f", "-0", "10"]
# What is put between, so that a detail is spelled otherwise or is none.
SPOILT = [b" ", b"\t", b"-", b"0", b'"', b"\\", b"/", b":", b",", b"\\u0041", b"1e2", b"\x01", b"{", b"}", b"\xff"]


def is_canonical(raw: bytes) -> bool:
    try:
        raw.decode()  # of whole lines that is looked at before
        VERIFY.require_canonical(VERIFY.read_json(raw, fractions=True), raw)
    except (VERIFY.Refused, UnicodeDecodeError):
        return False
    return True


def is_taken(raw: bytes) -> bool:
    try:
        raw.decode()
        VERIFY.require_details({1: raw}, "x")
    except (VERIFY.Refused, UnicodeDecodeError):
        return False
    return True


def some_value(chance: random.Random, level: int = 0) -> Any:
    kind = chance.randrange(7 if level < 3 else 5)
    if kind < 2:
        return chance.choice(PIECES)
    if kind < 5:
        return chance.choice([0, 7, 10, -1, 2**53 - 1, 10**15, 10**14, 0.5, 1e21, True, False, None])
    if kind == 5:
        return [some_value(chance, level + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(PIECES): some_value(chance, level + 1) for _ in range(chance.randrange(4))}


def test_a_detail_is_taken_if_and_only_if_it_is_canonical_whatever_came_before(monkeypatch):
    monkeypatch.setattr(VERIFY, "SHAPES", {})
    chance, refused = random.Random(20261123), 0
    for _ in range(TIMES):
        right = canonical({chance.choice(PIECES): some_value(chance) for _ in range(3)})
        at = chance.randrange(len(right))
        wrong = right[:at] + chance.choice(SPOILT) + right[at + chance.randrange(2) :]
        for raw in (right, wrong):
            assert is_taken(raw) == is_canonical(raw), raw
            refused += not is_canonical(raw)
    assert TIMES // 3 < refused < TIMES


SAME_SHAPE = [
    (b'{"a:":1,"b":"x"}', b'{"a:" : 1 , "b":"x"}'),  # a name that ends as a value begins
    (b'{"a":["x:","y"]}', b'{"a":["x:" , "y"]}'),
    (b'{"a":1,"b":2}', b'{"b":1,"a":2}'),
    (b'{"a":1}', b'{"a":01}'),
    (b'{"a":1}', b'{"a":-1,"a":1}'),
    (b'{"a":"x"}', b'{"a":"\\u0041"}'),
    (b'{"a":"x"}', b'{"a": "x"}'),
    (b'{"a":5}', b'{"a":9007199254740993}'),
]


@pytest.mark.parametrize(("right", "wrong"), SAME_SHAPE)
def test_a_spelling_that_is_not_the_one_is_refused_behind_one_that_is(right, wrong, monkeypatch):
    monkeypatch.setattr(VERIFY, "SHAPES", {})
    assert is_taken(right)
    assert not is_taken(wrong)


def test_only_so_many_shapes_are_kept(monkeypatch):
    monkeypatch.setattr(VERIFY, "SHAPES", {})
    for number in range(0, 3000, 100):
        VERIFY.require_details({at: b'{"n%d":1}' % at for at in range(number, number + 100)}, "x")
    assert len(VERIFY.SHAPES) == VERIFY.MOST_SHAPES
    assert not is_taken(b'{"z": 1}')


def test_a_detail_may_have_in_it_what_looks_like_an_entry():
    inside = trail(1)[0]
    lines: list[Line] = []
    for index in range(1, 4):
        previous = bytes.fromhex(lines[-1]["hash"]) if lines else chain.GENESIS
        lines.append(entry(index, previous, said={"reason": "seen", "was": {"a": 1, **inside}}))
    assert followed(jsonl(lines), 3).next == 4


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda line: line | {"salt": line["salt"].upper()}, "entry of another environment"),
        (lambda line: line | {"salt": "x" * 64}, "entry of another environment"),
        (lambda line: line | {"hash": line["hash"].upper()}, "entry of another environment"),
        (lambda line: line | {"previous": line["previous"].replace("0", "O")}, "entry of another environment"),
        (lambda line: line | {"salt": None}, "its detail is not the one that was committed to"),
        (lambda line: line | {"detail": None}, "its detail is not the one that was committed to"),
    ],
)
def test_a_hash_has_one_spelling_though_only_its_length_is_looked_at_first(change, why):
    lines = trail(3)
    lines[0] = change(lines[0])
    with pytest.raises(VERIFY.Refused, match=why):
        followed(jsonl(lines), 3)


def test_a_commitment_has_one_spelling_where_the_detail_is_gone():
    lines = trail(2)
    document = lines[0]["document"]
    written = document | {"detail": document["detail"].upper()}
    link = chain.link(chain.GENESIS, canonical(written)).hex()
    lines[0] = trails.shredded(lines[0]) | {"document": written, "hash": link}
    with pytest.raises(VERIFY.Refused, match="line 1"):
        followed(jsonl(lines), 2)


@pytest.mark.parametrize("count", [39, 41])
def test_the_number_of_lines_is_the_one_that_was_signed(count, trust, tmp_path):
    class Counted(Export):
        def statement(self, files: dict[str, bytes], given: Any) -> bytes:
            listed = VERIFY.read_json(super().statement(files, given))["statement"]["files"]
            self.said = {"files": [one | ({"lines": count} if one["lines"] else {}) for one in listed]}
            return super().statement(files, given)

    path = tmp_path / "trail.zip"
    path.write_bytes(Counted(trail(40)).packed())
    with pytest.raises(VERIFY.Refused, match=rf"events.jsonl has 40 lines, and {count} were signed"):
        VERIFY.check_export(str(path), trust)
