"""The chain of an agreement, checked from its first link with hashes alone; any byte that was changed is found."""

import json
from hashlib import sha256

import orjson

from hq.crypto import chain
from hq.db.context import tenant
from hq.lib.canonical import canonical
from signing.actions import acts
from signing.actions.bundle import chain_file
from tests.signing import support

LABEL = b"hq-agreement-v1\x00"


def check(content: bytes, agreement_id, head: bytes) -> str:
    """What is wrong with the lines of a chain; "" if nothing is. By nothing but hq.crypto.chain and JSON."""
    previous = sha256(LABEL + agreement_id.bytes).digest()
    for index, raw in enumerate(content.splitlines(), 1):
        try:
            line = orjson.loads(raw)
            if fault := _fault(line, raw, previous, index, agreement_id):
                return fault
        except (ValueError, KeyError, TypeError) as error:
            return type(error).__name__
        previous = bytes.fromhex(line["hash"])
    return "" if previous == head else "not the head"


def _fault(line, raw: bytes, previous: bytes, index: int, agreement_id) -> str:
    document, salt = line["document"], bytes.fromhex(line["salt"])
    holds = {
        "not canonical": canonical(line) == raw,
        "hangs on another": bytes.fromhex(line["previous"]) == previous,
        "another hash": chain.link(previous, canonical(document)) == bytes.fromhex(line["hash"]),
        "another detail": chain.commitment(salt, canonical(line["detail"])).hex() == document["detail"],
        "another place": document["index"] == index,
        "another agreement": document["agreement"] == str(agreement_id),
    }
    return next((fault for fault, well in holds.items() if not well), "")


def life(place):
    """One with steps of many kinds."""
    people = [support.person(1), support.person(2, turn=2), support.person(3, kind="viewer")]
    agreement = support.sent(place, people, may_delegate=True)
    with tenant(place.id):
        other = acts.delegate_signing(
            support.stand(support.signer(agreement)), name="Dana", email="dana@signer.example"
        )
    support.sign(other)
    support.consent(support.signer(agreement, 3))
    support.sign(support.signer(agreement, 2))
    return support.fresh(agreement)


def lines_of(agreement):
    with tenant(agreement.organization_id):
        return chain_file(agreement)


def test_it_holds_from_the_first_link_to_the_head_and_every_changed_byte_is_found(place):
    agreement = life(place)
    content = lines_of(agreement)
    head = bytes(agreement.head)
    assert content.count(b"\n") == agreement.length >= 9
    assert check(content, agreement.id, head) == ""
    at_end = [position for position, byte in enumerate(content) if byte == 10]
    unseen = [
        position
        for position in range(len(content))
        if position not in at_end
        and not check(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :], agreement.id, head)
    ]
    assert unseen == []


def test_nothing_can_be_left_out_doubled_turned_round_or_taken_from_another(place):
    agreement, other = life(place), support.sent(place)
    lines = lines_of(agreement).splitlines(keepends=True)
    head = bytes(agreement.head)
    assert check(b"".join(lines[:-1]), agreement.id, head)
    for number in range(len(lines)):
        assert check(b"".join(lines[:number] + lines[number + 1 :]), agreement.id, head)
        assert check(b"".join([*lines[: number + 1], *lines[number:]]), agreement.id, head)
    assert check(b"".join([lines[1], lines[0], *lines[2:]]), agreement.id, head)
    assert check(b"".join(lines), other.id, head)
    assert check(lines_of(other), agreement.id, bytes(support.fresh(other).head))


def test_the_document_names_nobody_and_the_detail_commits_to_who_it_was(place):
    agreement = life(place)
    for line in lines_of(agreement).splitlines():
        told = json.loads(line)
        for word in ("Sam Signer", "sam1@", "sam2@", "Dana", "dana@", "203.0.113.7", "Olive Owner", "non-disclosure"):
            assert word not in json.dumps(told["document"])
        assert told["detail"]["ip"] == "203.0.113.7"
        assert set(told["document"]) == {
            *("v", "agreement", "organization", "environment", "index"),
            *("kind", "at", "signer", "facts", "detail"),
        }
        assert told["document"]["facts"]["document"] == {
            "sha256": agreement.document.sha256,
            "version": 1,
            "pages": agreement.document.pages,
        }


def test_times_never_go_back(place):
    at = [step.at for step in support.steps(life(place))]
    assert at == sorted(at)
