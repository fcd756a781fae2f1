"""A day of deliveries as a drawing, and in words for whoever does not see it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hq.db.context import tenant
from hq.lib.clock import now
from tests.factories import make_place
from tests.webhooks.pages import Portal, text
from webhooks import actions, selectors
from webhooks.models import Attempt
from webhooks.views import health

QUIET = [(0, 0)] * 23


def test_the_fullest_hour_is_as_high_as_there_is_room_and_no_failure_is_too_small_to_see():
    drawn = health.of([*QUIET, (100, 1)])
    last = drawn.bars[-1]
    assert (last["up"], last["y"], last["down"]) == ("17.0", "0.0", "2.0")
    assert drawn.bars[0]["up"] == "0.0"
    assert (drawn.delivered, drawn.failed) == (100, 1)


def test_it_says_in_words_what_it_draws():
    with timezone.override("UTC"):
        hour = f"{now():%H}:00"
        assert health.of([*QUIET, (1204, 1)]).words == (
            f"In the last 24 hours 1,204 delivered, 1 failed. Last failure in the hour from {hour}."
        )
    assert health.of([*QUIET, (2, 0)]).words == "In the last 24 hours 2 delivered, 0 failed."
    assert health.of([*QUIET, (0, 0)]).words == "Nothing was sent in the last 24 hours."


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_each_attempt_stands_in_its_hour_wherever_the_reader_is(zone):
    portal = Portal(make_place())
    made = portal.made()
    actor = portal.place.actor()
    with tenant(portal.place.id), timezone.override(zone):
        delivery = actions.send_test(actor=actor, endpoint_id=made.endpoint.id)
        begins = now().replace(minute=0, second=0, microsecond=0)
        for number, (hours, status) in enumerate([(0, 200), (1, 500), (23, 200), (24, 200), (-1, 200)]):
            Attempt.objects.create(
                organization_id=portal.place.id,
                delivery=delivery,
                number=number + 1,
                at=begins - timedelta(hours=hours),
                status=status,
                milliseconds=1,
                signed_at=begins,
                signature="v1,",
                answer="",
            )
        strip = selectors.health_strip(actor, [made.endpoint.id])[made.endpoint.id]
    assert strip == [(1, 0), *[(0, 0)] * 21, (0, 1), (1, 0)]
    assert "2 delivered, 1 failed" in text(portal.get())
