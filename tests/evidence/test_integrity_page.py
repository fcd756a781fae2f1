"""The page of integrity: both logs are checked from it, what was signed is listed, and gaps are explained."""

import pytest

from audit.tags import Log
from evidence.actions.checkpoints import make_checkpoint
from hq.authz.roles import Role
from hq.db.context import tenant
from tests.evidence.support import behind_its_back
from tests.factories import Place, make_member, make_place, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place() -> Place:
    return make_place()


def verify(place: Place) -> str:
    """What the page says after its button."""
    client, address = sign_in(make_member(place, Role.AUDITOR)), f"/o/{place.slug}/live"
    client.get(f"{address}/audit/")
    for log in Log:
        with tenant(place.id):
            make_checkpoint(place.id, place.live_id, log)
    assert "Not all verified yet" in client.get(f"{address}/integrity/").content.decode()
    answer = client.post(f"{address}/audit/verify", {"from": "integrity"}, follow=True)
    return answer.content.decode()


def test_both_logs_are_verified_from_it_and_their_checkpoints_are_listed(place: Place) -> None:
    text = verify(place)
    assert "Chain verified." in text
    assert "Requests verified." in text
    assert "Not all verified yet" not in text
    assert "Last checkpoints of the requests" in text
    assert "What a gap is, and what is none" in text


def test_a_request_that_was_changed_is_named_there(place: Place) -> None:
    sign_in(place.owner).get(f"/o/{place.slug}/live/audit/")
    with tenant(place.id):
        make_checkpoint(place.id, place.live_id, Log.ACCESS)
    behind_its_back(("UPDATE audit_accessentry SET status = 404 WHERE environment_id = %s", (place.live_id,)))
    text = verify(place)
    assert "Requests broken at request 1." in text
    assert "Does not fit" in text


def test_a_witness_that_cannot_be_asked_is_told_beside_the_others(place: Place) -> None:
    client, address = sign_in(place.owner), f"/o/{place.slug}/live/audit/witnesses"
    for typed, said in (
        ("a@keeper.example", "Asked a@keeper.example."),
        ("a@keeper.example", "is a witness already"),
        ("nobody", "address"),
    ):
        answer = client.post(address, {"address": typed}, follow=True)
        assert said in answer.content.decode()
        assert "Copies outside" in answer.content.decode()
