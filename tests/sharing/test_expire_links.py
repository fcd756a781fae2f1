"""VLT-11: what is over is forgotten, and nothing else."""

from datetime import timedelta

import pytest

from hq.db.context import tenant
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.models import Job
from sharing import actions, selectors, tasks
from sharing.actions import expiry
from sharing.actions.expiry import KEPT
from sharing.models import ShareAttempt, ShareLink, SharePath, ShareSession, ended_before
from tests.factories import make_place, run_jobs
from tests.sharing.conftest import RECIPIENT, count_sessions, link_of, share


def exists(made):
    with tenant(made.link.organization_id):
        return ShareLink.objects.filter(pk=made.link.pk).exists()


def ended_long_ago(made, end):
    """As if it had been opened or revoked soon after it was made; the database's clock does not let us do it now."""
    soon = made.link.created_at + timedelta(seconds=10)
    with tenant(made.link.organization_id):
        rows = ShareLink.objects.filter(pk=made.link.pk)
        if end == "spent":
            rows.update(opened_at=soon)
        if end == "revoked":
            rows.update(revoked_at=soon, revoked_by_id=made.link.created_by_id)


def sweep():
    tasks.sweep()
    run_jobs()


@pytest.mark.parametrize("end", ["expired", "spent", "revoked"])
def test_a_link_goes_with_everything_of_it_30_days_after_it_ended(place, earlier, end):
    earlier(KEPT + timedelta(minutes=40))
    made = share(place, seconds=60 if end == "expired" else 7 * 86_400)
    ended_long_ago(made, end)
    sweep()
    assert not exists(made)
    with tenant(place.id):
        assert not SharePath.objects.exists()
        assert not ShareAttempt.objects.exists()
        assert not ShareSession.objects.exists()


def test_it_stays_until_then(place, earlier):
    earlier(KEPT - timedelta(minutes=2))
    made = share(place, seconds=60)
    sweep()
    assert exists(made)


def test_a_link_that_can_still_be_opened_stays(place):
    made = share(place, seconds=7 * 86_400)
    sweep()
    assert exists(made)


def test_a_session_goes_when_it_is_over_and_its_link_stays(place, earlier):
    made = share(place, seconds=3600)
    earlier(timedelta(minutes=16))
    actions.redeem_share(token=made.token, origin=RECIPIENT)
    running = share(place, seconds=3600)
    earlier(timedelta(0))
    actions.redeem_share(token=running.token, origin=RECIPIENT)
    sweep()
    assert exists(made)
    assert (count_sessions(made), count_sessions(running)) == (0, 1)
    with pytest.raises(actions.redemption.LinkCannotBeOpened):
        actions.redeem_share(token=made.token, origin=RECIPIENT)


def test_it_goes_on_in_batches(place, earlier, monkeypatch):
    monkeypatch.setattr(expiry, "BATCH", 2)
    earlier(KEPT + timedelta(minutes=40))
    for _ in range(5):
        share(place, seconds=60)
    sweep()
    with tenant(place.id):
        assert not ShareLink.objects.exists()
        assert Job.objects.get(kind="sharing.expire").result == {"links": 5}


def test_only_organizations_with_something_to_forget_get_a_job(place, earlier):
    other = make_place()
    share(place)
    assert selectors.list_organizations_with_ended(now() - KEPT) == []
    earlier(KEPT + timedelta(minutes=40))
    share(place, seconds=60)
    assert selectors.list_organizations_with_ended(now() - KEPT) == [place.id]
    tasks.sweep()
    tasks.sweep()
    with tenant(place.id):
        assert Job.objects.filter(kind="sharing.expire").count() == 1
    with tenant(other.id):
        assert not Job.objects.filter(kind="sharing.expire").exists()


def test_another_organization_s_links_are_not_touched(place, earlier):
    other = make_place()
    earlier(KEPT + timedelta(minutes=40))
    with tenant(other.id):
        theirs = actions.create_share(actor=other.actor(), paths=["inbox/x"], permission="write", ttl_seconds=60)
    mine = share(place, seconds=60)
    with tenant(place.id):
        jobs.enqueue("sharing.expire", organization_id=place.id, payload={})
    run_jobs()
    assert (exists(mine), exists(theirs)) == (False, True)


def test_the_rules_of_the_sweep_and_of_the_job_are_the_same(place, earlier):
    """The database function finds exactly the organizations in which the job deletes something."""
    earlier(KEPT + timedelta(minutes=16))
    made = share(place, seconds=120)
    ended_long_ago(made, "spent")
    assert link_of(made).state == "spent"
    for moment in (now() - KEPT - timedelta(minutes=3), now() - KEPT):
        found = selectors.list_organizations_with_ended(moment)
        with tenant(place.id):
            due = ShareLink.objects.filter(ended_before(moment)).exists()
        assert bool(found) == due
