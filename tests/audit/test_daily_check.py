"""Every chain is verified by itself once a day."""

from datetime import timedelta

import pytest

from audit import selectors, tasks
from audit.models import ChainVerification
from hq.db.context import tenant
from hq.lib.clock import now
from tests.factories import make_place, run_jobs

pytestmark = pytest.mark.django_db


def test_it_verifies_what_is_due_and_nothing_twice_a_day():
    place = make_place()
    tasks.sweep()
    run_jobs()
    with tenant(place.id):
        assert [check.length for check in ChainVerification.objects.all()] == [2]
    tasks.sweep()
    run_jobs()
    with tenant(place.id):
        assert ChainVerification.objects.count() == 1


def test_an_empty_chain_is_not_due_and_a_day_later_every_other_one_is():
    place = make_place()
    tasks.sweep()
    run_jobs()
    assert selectors.find_unverified(now() - timedelta(hours=1)) == []
    due = selectors.find_unverified(now() + timedelta(seconds=1))
    assert due == [{"organization_id": place.id, "environment_id": place.live_id, "log": "admin"}]


def test_the_chart_shows_no_gap_where_nothing_was_due():
    place = make_place()
    with tenant(place.id):
        days = selectors.activity(place.actor(), days=7)
    assert [day.verified for day in days] == [None] * 7
    assert days[-1].events == 2
