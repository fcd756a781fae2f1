"""A database that was set back, or made anew: all in it fits, and checkpoints in the archive say that it is another."""

import pytest
from django.core import mail
from django.test import Client

from evidence.actions.checkpoints import make_checkpoint
from evidence.models import Incident
from evidence.selectors import latest_checkpoint
from hq.authz.roles import Role
from hq.db.context import tenant
from tests.archive import support
from tests.evidence.support import ADMIN, act, behind_its_back, make, newest, rewrite
from tests.factories import Place, make_member, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(archived_place: Place) -> Place:
    return archived_place


def kept(place: Place, count: int = 2) -> int:
    """Act, and keep a checkpoint of it outside; its size."""
    act(place, count)
    made = make(place)
    support.work()
    return int(made.size)


def set_back(place: Place, size: int) -> None:
    """As an earlier backup would: the entries behind it are gone, and with them every checkpoint that had them."""
    rewrite(place, first=size, change="", keep=size)
    behind_its_back(
        (
            "DELETE FROM evidence_checkpoint WHERE environment_id = %s AND log = 'admin' AND size > %s",
            (place.live_id, size),
        ),
        (
            "UPDATE archive_progress SET checkpoint = %s WHERE environment_id = %s AND log = 'admin'",
            (size, place.live_id),
        ),
    )


def alarms(place: Place) -> list[tuple[str, int, int]]:
    with tenant(place.id):
        return list(Incident.objects.filter(log=ADMIN).values_list("kind", "size", "found_size"))


def test_a_log_that_goes_on_from_all_that_is_kept_raises_nothing(place: Place) -> None:
    kept(place)
    kept(place)
    support.write(place)
    assert alarms(place) == []


@pytest.mark.parametrize("grown", [0, 1, 7])
def test_a_database_that_was_set_back_is_noticed_at_the_next_archiving(
    place: Place, grown: int, client: Client
) -> None:
    before = kept(place)
    lost = kept(place, 3)
    kept(place, 4)
    set_back(place, before)
    if grown:
        act(place, grown)
    assert make(place).size == before + grown  # all in it fits, so HQ signs on
    mail.outbox.clear()
    support.write(place)
    support.write(place)
    assert alarms(place) == [("kept", lost, before + grown)]
    assert any("checkpoint in the archive" in str(message.body) for message in mail.outbox)
    page = sign_in(place.owner).get(f"/o/{place.slug}/live/integrity/").content.decode()
    assert "HQ signs on" in page
    assert "HQ signs no further checkpoint" not in page
    act(place)
    with tenant(place.id):
        assert make_checkpoint(place.id, place.live_id, ADMIN) == latest_checkpoint(place.live_id, ADMIN)


def test_a_log_that_was_made_anew_and_signed_again_is_noticed_by_the_newest_that_was_kept(place: Place) -> None:
    size = kept(place, 5)
    rewrite(place, first=2)
    behind_its_back(("DELETE FROM evidence_checkpoint WHERE environment_id = %s AND log = 'admin'", (place.live_id,)))
    assert make(place).size == size
    support.write(place)
    assert alarms(place) == [("kept", size, size)]


def test_what_hq_did_not_sign_raises_no_alarm_and_is_told_to_operators(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    size = kept(place)
    (name,) = support.files(f"audit/checkpoints/{place.live_id}/admin/{size}.txt")
    note = (support.folder() / name).read_text()
    (support.folder() / name).with_name(f"{size + 9}.txt").write_text(note.replace(f"\n{size}\n", f"\n{size + 9}\n"))
    (support.folder() / name).with_name(f"{size + 8}.txt").write_text("none")
    support.write(place)
    assert alarms(place) == []
    assert caplog.text.count("the archive has a checkpoint that HQ did not sign") == 2
    assert newest(place).size >= size


def test_who_may_verify_compares_at_once(place: Place) -> None:
    before = kept(place)
    lost = kept(place)
    set_back(place, before)
    integrity = f"/o/{place.slug}/live/integrity/"
    auditor = sign_in(make_member(place, Role.AUDITOR))
    answer = auditor.post(f"{integrity}archive", follow=True)
    assert "are compared with what it keeps" in answer.content.decode()
    support.work()
    assert [(kind, size) for kind, size, _ in alarms(place)] == [("kept", lost)]
    developer = sign_in(make_member(place, Role.DEVELOPER))
    assert developer.post(f"{integrity}archive").status_code in {403, 404}
