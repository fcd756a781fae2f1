"""The database's master rewrites what proofs are made of, or two ask at once for what is counted."""

from threading import Barrier, Thread

import pytest
from django.db import connection

from audit.actions import grow
from audit.selectors import EntryMissing
from audit.tags import Log
from evidence.actions import exports, views
from evidence.actions.checkpoints import NotAsSigned
from evidence.actions.exports import Range, TooManyAtOnce
from evidence.actions.views import TooManyViews
from evidence.models import Checkpoint, Incident, SavedView
from evidence.models.explorer import VIEWS_MOST
from evidence.selectors.exports import MISSING, first_since, list_trail_exports
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.ids import new_id
from tests.evidence.support import act, behind_its_back, make, newest, rewrite
from tests.factories import make_place, run_jobs, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_log_that_was_given_the_past_of_another_one_is_not_gone_on_from():
    place, other = make_place(), make_place()
    act(place)
    act(other, 9)
    make(place)
    make(other)
    with tenant(other.id):
        row = Checkpoint.objects.get(environment_id=other.live_id, log="admin")
    given = ("organization_id = %s, environment_id = %s", (place.id, place.live_id))
    behind_its_back(
        *(
            (f"DELETE FROM {table} WHERE environment_id = %s AND log = 'admin'", (place.live_id,))
            for table in ("evidence_checkpoint", "audit_tile", "audit_loghead")
        ),
        *(
            (f"UPDATE {table} SET {given[0]} WHERE environment_id = %s AND log = 'admin'", (*given[1], other.live_id))
            for table in ("evidence_checkpoint", "audit_tile", "audit_loghead")
        ),
    )
    assert newest(place).note == row.note  # whole, and signed by HQ: of another log
    with pytest.raises(NotAsSigned):
        make(place)
    with tenant(place.id):
        assert Incident.objects.filter(environment_id=place.live_id, log="admin").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_tile WHERE environment_id = %s",
        "UPDATE audit_tile SET hashes = substr(hashes, 1, 32) WHERE environment_id = %s",
        "UPDATE audit_loghead SET size = 1 WHERE environment_id = %s",
        "UPDATE evidence_checkpoint SET root = sha256(root) WHERE environment_id = %s",
        "UPDATE evidence_checkpoint SET note = 'none' WHERE environment_id = %s",
        "UPDATE evidence_checkpoint SET note = replace(note, 'admin', 'access') WHERE environment_id = %s",
    ],
)
def test_an_event_is_shown_and_not_as_proved_where_the_tree_or_its_checkpoint_was_changed(statement):
    place = make_place()
    act(place, 3)
    make(place)
    behind_its_back((statement, (place.live_id,)))
    client = sign_in(place.owner)
    page = client.get(f"/o/{place.slug}/live/audit/2")
    assert page.status_code == 200
    assert "This event is not what HQ signed." in page.content.decode()
    assert "Proved by the checkpoint" not in page.content.decode()
    assert client.get(f"/o/{place.slug}/live/audit/?event=2").status_code == 200
    assert client.get(f"/o/{place.slug}/live/integrity/").status_code == 200
    assert client.get(f"/o/{place.slug}/live/audit/2/proof").status_code in {404, 409}


@pytest.mark.parametrize("column", ["root = sha256(root)", "note = 'none'", "note = replace(note, 'admin', 'access')"])
def test_nothing_goes_on_from_a_checkpoint_that_somebody_else_wrote(column):
    place = make_place()
    act(place)
    make(place)
    behind_its_back((f"UPDATE evidence_checkpoint SET {column} WHERE environment_id = %s", (place.live_id,)))
    act(place)
    with pytest.raises(NotAsSigned):
        make(place)


def test_an_event_that_was_rewritten_with_all_that_follows_from_it_is_not_shown_as_proved():
    place = make_place()
    act(place, 3)
    make(place)
    rewrite(place, first=2)
    act(place)
    grow(place.id, place.live_id)
    page = sign_in(place.owner).get(f"/o/{place.slug}/live/audit/2").content.decode()
    assert "This event is not what HQ signed." in page
    assert "This event does not fit its hash" not in page


def test_an_export_of_a_log_whose_end_was_taken_away_says_so():
    place = make_place()
    act(place, 6)
    size = make(place).size
    behind_its_back(
        ("DELETE FROM audit_auditevent WHERE environment_id = %s AND index > %s", (place.live_id, size - 2))
    )
    with tenant(place.id), pytest.raises(EntryMissing):
        first_since(place.id, place.live_id, Log.ADMIN, now(), size)
    with tenant(place.id):
        exports.request_trail_export(actor=place.actor(), wish=Range(log=Log.ADMIN, since=now()))
    run_jobs()
    with tenant(place.id):
        assert [(each.state, each.fault) for each in list_trail_exports(place.actor())] == [("failed", MISSING)]


def at_once(*acts):
    """Whether each was done, begun at the same moment; nothing but these may keep it from being done."""
    start, done = Barrier(len(acts)), []

    def run(one):
        start.wait()
        try:
            one()
            done.append(True)
        except (TooManyAtOnce, TooManyViews):
            done.append(False)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(one,)) for one in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(done)


def test_of_six_exports_that_are_asked_for_at_once_three_are_made():
    place = make_place()

    def ask():
        with tenant(place.id):
            exports.request_trail_export(actor=place.actor(), wish=Range(log=Log.ADMIN))

    assert at_once(*[ask] * 6) == [False] * 3 + [True] * 3


def test_a_search_that_is_kept_twice_at_once_is_kept_once_and_not_more_than_the_most():
    place, same = make_place(), new_id()

    def keep(view_id=None):
        with tenant(place.id):
            views.save_view(actor=place.actor(), name="Mine", query="q=x", view_id=view_id or new_id())

    assert at_once(*[lambda: keep(same)] * 4) == [True] * 4
    with tenant(place.id):
        assert SavedView.objects.count() == 1
    for _ in range(VIEWS_MOST - 2):
        keep()
    assert at_once(*[keep] * 4) == [False] * 3 + [True]
