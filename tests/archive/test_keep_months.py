"""How long the trail's rows stay: at least a year, held by a legal hold, and for as long as any organization wants."""

from datetime import date, timedelta

import pytest

from archive.actions.retention import LEAST, LIVE, TEST, KeptStill, archived, class_of, drop_month, lets_go
from audit.months import Held
from audit.tags import Log
from hq.db import retention
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Invalid
from retention.actions.periods import change_period
from tests.database import as_superuser
from tests.factories import Place, make_place

pytestmark = pytest.mark.django_db(transaction=True)


def held(place: Place, last: int = 2) -> Held:
    return Held(place.id, place.live_id, Log.ADMIN, 1, last)


def months_ago(days: int) -> date:
    return (now() - timedelta(days=days)).date().replace(day=1)


def test_each_environment_has_a_period_of_its_own_of_a_year_at_least() -> None:
    place = make_place()
    with tenant(place.id):
        assert (class_of(place.id, place.live_id), class_of(place.id, place.test_id)) == (LIVE, TEST)
        with pytest.raises(Invalid):
            change_period(actor=place.actor(), name=LIVE, days=LEAST - 1)
        change_period(actor=place.actor(), name=LIVE, days=LEAST)
        assert retention.period(place.id, TEST) == timedelta(days=2557)
    assert lets_go(held(place), months_ago(LEAST + 62))
    assert not lets_go(held(place), months_ago(LEAST - 31))
    assert not lets_go(Held(place.id, place.test_id, Log.ADMIN, 1, 2), months_ago(LEAST + 62))


def test_only_what_was_read_back_counts_as_archived() -> None:
    place = make_place()
    assert not archived(held(place))
    with as_superuser() as database:
        database.execute(
            "INSERT INTO archive_progress (id, organization_id, environment_id, log, planned, archived, verified,"
            " checkpoint, failure) VALUES (gen_random_uuid(), %s, %s, 'admin', 9, 9, 5, 0, '')",
            [place.id, place.live_id],
        )
    assert archived(held(place, last=5))
    assert not archived(held(place, last=6))


def test_a_month_that_is_not_a_year_old_stays() -> None:
    with pytest.raises(KeptStill, match="not a year old"):
        drop_month(months_ago(40))
