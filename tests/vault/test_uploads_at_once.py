"""Several who do the same with one upload, each with a connection of its own."""

from typing import Any

import pytest

from hq.db.context import tenant
from hq.lib.errors import Problem
from jobs.models import Job
from tests.factories import Place
from tests.vault.support import assert_nothing_is_left_over, get
from tests.vault.test_puts_at_once import at_once
from tests.vault.uploads import SMALL, begin, content, incoming, row, send, small_parts
from vault import actions
from vault.actions import Conditions, assemble
from vault.models import ObjectVersion, Upload

__all__ = ["small_parts"]

pytestmark = pytest.mark.usefixtures("small_parts")


@pytest.mark.parametrize("conditions", [Conditions(), Conditions(none_match=frozenset({"*"}))])
def test_of_several_who_complete_an_upload_at_once_comes_one_version(
    committed_place: Place, conditions: Conditions
) -> None:
    actor, data = committed_place.actor(), content(3 * SMALL)
    upload = begin(actor, data, conditions=conditions)
    send(actor, upload, data)
    found = at_once(lambda _: actions.complete_upload(actor=actor, upload_id=upload.id))
    assert {(each.state, each.version_id) for each in found} == {("DONE", found[0].version_id)}
    with tenant(committed_place.id):
        assert ObjectVersion.objects.count() == 1
    assert get(actor, "claims/a") == data
    assert_nothing_is_left_over(committed_place)


def test_of_several_who_hand_an_upload_over_at_once_comes_one_job(
    committed_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "AT_ONCE", 0)
    actor, data = committed_place.actor(), content(SMALL)
    upload = begin(actor, data)
    send(actor, upload, data)
    found = at_once(lambda _: actions.complete_upload(actor=actor, upload_id=upload.id))
    assert {each.state for each in found} == {"ASSEMBLING"}
    with tenant(committed_place.id):
        assert Job.objects.filter(kind="vault.assemble").count() == 1


def test_completing_and_giving_up_never_both_succeed(committed_place: Place) -> None:
    actor, data = committed_place.actor(), content(SMALL)
    upload = begin(actor, data)
    send(actor, upload, data)

    def work(number: int) -> Any:
        step = actions.complete_upload if number % 2 else actions.give_up_upload
        return step(actor=actor, upload_id=upload.id)

    found = at_once(work)
    completed = [each for each in found[1::2] if isinstance(each, Upload)]
    given_up = [each for each in found[0::2] if not isinstance(each, Problem)]
    assert bool(completed) != bool(given_up)
    with tenant(committed_place.id):
        assert ObjectVersion.objects.count() == (1 if completed else 0)
    assert row(committed_place, upload).state == ("DONE" if completed else "GIVEN_UP")


def test_parts_sent_at_once_and_twice_are_each_there_whole(committed_place: Place) -> None:
    actor, data = committed_place.actor(), content(4 * SMALL)
    upload = begin(actor, data)
    assert at_once(lambda number: send(actor, upload, data, [number % 4 + 1])) == [None] * 8
    assert len(incoming(committed_place)) == 4
    actions.complete_upload(actor=actor, upload_id=upload.id)
    assert get(actor, "claims/a") == data
