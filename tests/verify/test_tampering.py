"""A thousand of each kind of change to a trail, each found at its place, where the mathematics allows that."""

import io
import random
from collections.abc import Callable
from typing import Any

import pytest

from hq.crypto import merkle
from hq.lib.canonical import canonical
from tests.verify import trails
from tests.verify.program import VERIFY
from tests.verify.samples import ORGANIZATION
from tests.verify.trails import ENVIRONMENT, Line, entry, event_proof, jsonl, rehashed, trail

TIMES = 1000
SEED = 20261122
LENGTH = 24
LINES = trail(LENGTH)
ELSEWHERE = trail(LENGTH, organization=trails.OTHER_ORGANIZATION)
PLACE = {"log": "admin", "environment": ENVIRONMENT, "organization": {"id": ORGANIZATION["id"]}}
ROOT = trails.tree_over(LINES)[0]


def followed(raw: bytes, last: int = LENGTH) -> Any:
    """Follow raw lines as those of an export are followed."""
    log = VERIFY.Log(PLACE, 1, "open")
    log.follow(VERIFY.lines_of(io.BytesIO(raw), "x"), "x", last)
    return log


def refusal(lines: list[Line]) -> str:
    """Why the lines are refused; the root is that of the checkpoint that was signed before."""
    with pytest.raises(VERIFY.Refused) as refused:  # noqa: PT012 - the root is looked at only if the links hold
        log = followed(jsonl(lines))
        if log.tree.root() != ROOT:
            raise VERIFY.Refused("not the root")
    return str(refused.value)


def edit(chance: random.Random) -> tuple[list[Line], str]:
    at = chance.randrange(LENGTH)
    name = chance.choice(["tag", "request", "ip", "at"])
    value = {"tag": "key:destroyed", "request": "req_x", "ip": "198.51.100.1", "at": trails.at(at + 100)}[name]
    lines = list(LINES)
    lines[at] = lines[at] | {"document": lines[at]["document"] | {name: value}}
    return lines, f"line {at + 1}, entry {at + 1}: it was changed"


def edit_and_hash(chance: random.Random) -> tuple[list[Line], str]:
    """One entry changed together with its own hash: the next is not linked to it. Of the last only the root tells."""
    at = chance.randrange(LENGTH)
    lines = list(LINES)
    changed = [*LINES[:at], LINES[at] | {"document": LINES[at]["document"] | {"tag": "key:destroyed"}}]
    lines[at] = rehashed(changed, at)[at]
    return lines, f"entry {at + 2}: it is not linked" if at + 1 < LENGTH else "not the root"


def delete(chance: random.Random) -> tuple[list[Line], str]:
    at = chance.randrange(LENGTH - 1)
    return [*LINES[:at], *LINES[at + 1 :]], f"line {at + 1} is entry {at + 2}, and {at + 1} comes next"


def swap(chance: random.Random) -> tuple[list[Line], str]:
    one, other = sorted(chance.sample(range(LENGTH), 2))
    lines = list(LINES)
    lines[one], lines[other] = lines[other], lines[one]
    return lines, f"line {one + 1} is entry {other + 1}, and {one + 1} comes next"


def insert(chance: random.Random) -> tuple[list[Line], str]:
    """One made up, with a hash of its own that fits; what followed does not know of it."""
    at = chance.randrange(1, LENGTH)
    made_up = entry(at + 1, bytes.fromhex(LINES[at - 1]["hash"]), said={"reason": str(chance.random())})
    return [*LINES[:at], made_up, *LINES[at:]], f"line {at + 2} is entry {at + 1}, and "


def cut_the_tail(chance: random.Random) -> tuple[list[Line], str]:
    length = chance.randrange(LENGTH)
    return LINES[:length], f"ends with entry {length}, and {LENGTH} was to be the last"


def rewrite(chance: random.Random) -> tuple[list[Line], str]:
    """Changed and hashed anew from any point to the end: every link holds, and only the signed root tells."""
    at = chance.randrange(LENGTH)
    changed = [
        *LINES[:at],
        LINES[at] | {"document": LINES[at]["document"] | {"tag": "key:destroyed"}},
        *LINES[at + 1 :],
    ]
    return rehashed(changed, at), "not the root"


def move_between_tenants(chance: random.Random) -> tuple[list[Line], str]:
    at = chance.randrange(LENGTH)
    return [
        *LINES[:at],
        ELSEWHERE[at],
        *LINES[at + 1 :],
    ], f"line {at + 1}: It is an entry of another environment or org"


def change_before_or_after(chance: random.Random) -> tuple[list[Line], str]:
    at = chance.randrange(LENGTH)
    side = chance.choice(["before", "after"])
    lines = list(LINES)
    lines[at] = lines[at] | {"detail": lines[at]["detail"] | {side: {"role": f"owner {chance.random()}"}}}
    return lines, f"line {at + 1}, entry {at + 1}: its detail is not the one that was committed to"


KINDS: list[Callable[[random.Random], tuple[list[Line], str]]] = [
    edit,
    edit_and_hash,
    delete,
    swap,
    insert,
    cut_the_tail,
    rewrite,
    move_between_tenants,
    change_before_or_after,
]


def test_the_untouched_trail_holds():
    assert followed(jsonl(LINES)).tree.root() == ROOT


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_thousand_of_each_are_found_at_their_place(kind: Callable[[random.Random], tuple[list[Line], str]]):
    chance = random.Random(f"{SEED} {kind.__name__}")
    print(f"seed: {SEED} {kind.__name__}")
    for _ in range(TIMES):
        lines, expected = kind(chance)
        assert expected in refusal(lines)


def test_every_byte_of_every_line_counts():
    """One bit of a byte, wherever it is: refused, and never at a line before."""
    chance = random.Random(SEED)
    raw = jsonl(LINES)
    for at in chance.sample(range(len(raw)), TIMES):
        changed = raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]
        with pytest.raises(VERIFY.Refused) as refused:
            followed(changed)
        line = raw.count(b"\n", 0, at) + 1
        assert any(f"line {number}" in str(refused.value) for number in (line, line + 1)) or line == LENGTH


def checked(raw: bytes, trust: Any) -> Any:
    return VERIFY.check_event(raw, VERIFY.read_json(raw, fractions=True), trust)


def test_every_changed_byte_of_a_proof_is_refused(trust):
    raw = event_proof(LINES, 13)
    assert checked(raw, trust).kid
    chance = random.Random(SEED)
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]
        with pytest.raises(VERIFY.Refused):
            checked(changed, trust)


def test_every_changed_byte_of_a_checkpoint_is_refused(trust):
    raw = trails.checkpoint_of(LINES).encode()
    assert VERIFY.check_checkpoint(raw, trust).kid
    for at in range(len(raw)):
        for bit in range(8):
            with pytest.raises(VERIFY.Refused):
                VERIFY.check_checkpoint(raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :], trust)


def test_a_proof_of_any_entry_leads_to_the_root_and_that_of_no_other_does(trust):
    _, nodes = trails.tree_over(LINES)
    for index in range(LENGTH):
        checkpoint = VERIFY.Checkpoint(trails.origin(), LENGTH, ROOT)
        path = merkle.inclusion_proof(index, LENGTH, nodes)
        document = canonical(LINES[index]["document"])
        VERIFY.require_inclusion(document, index, checkpoint, path)
        for wrong in ([*path, bytes(32)], path[1:], path[::-1], [bytes(32), *path[1:]]):
            if wrong == path:
                continue
            with pytest.raises(VERIFY.Refused):
                VERIFY.require_inclusion(document, index, checkpoint, wrong)
        with pytest.raises(VERIFY.Refused):
            VERIFY.require_inclusion(document, (index + 1) % LENGTH, checkpoint, path)
