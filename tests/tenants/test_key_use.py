"""What keys are used for is counted here and put down now and then."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from django.db import DatabaseError

from audit.models import AuditEvent
from hq.authz.actor import Origin
from hq.db.context import tenant
from hq.lib.clock import now
from tenants.actions.key_checks import authenticate_api_key
from tenants.actions.key_use import Use, Uses, network_around, put_down
from tenants.models import ApiKey, ApiKeyDay, ApiKeyNetwork
from tests.factories import ORIGIN, make_api_key, make_place

pytestmark = pytest.mark.django_db
HOUR, HOME = 3600.0, "203.0.113.0/24"


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def actor(place):
    actor = authenticate_api_key(secret=make_api_key(place), origin=ORIGIN)
    put_down(
        Use(place.id, actor.id, last=(now(), actor), requests=Counter([now().date()]), seen={HOME: (now(), actor)})
    )
    return actor


def coming_from(actor, ip, agent="curl/8"):
    return replace(actor, origin=Origin(ip=ip, user_agent=agent, request_id="req_test"))


def counted(place):
    with tenant(place.id):
        return [(day.requests, day.refused) for day in ApiKeyDay.objects.order_by("on")]


def test_the_first_use_is_put_down_at_once_and_later_ones_when_it_is_time(place, actor):
    assert counted(place) == [(1, 0)]
    uses = Uses(put_down, every=HOUR)
    for _ in range(5):
        uses.note(actor)
    assert counted(place) == [(2, 0)]
    assert uses.sweep()
    assert counted(place) == [(6, 0)]
    assert not uses.sweep()  # nothing since: forgotten
    uses.note(actor)
    assert counted(place) == [(7, 0)]


def test_a_key_shows_when_from_where_and_by_what_it_was_used_last(place, actor):
    uses = Uses(put_down, every=HOUR)
    uses.note(coming_from(actor, "203.0.113.9", "first"))
    uses.note(coming_from(actor, "203.0.113.10", "second"))
    uses.sweep()
    with tenant(place.id):
        key = ApiKey.objects.get()
    assert (key.last_used_ip, key.last_used_agent) == ("203.0.113.10", "second")
    assert key.last_used_at is not None
    assert now() - key.last_used_at < timedelta(minutes=1)


def test_what_another_process_has_put_down_since_is_not_put_back(place, actor):
    uses = Uses(put_down, every=HOUR)
    uses.note(actor)
    uses.note(coming_from(actor, "203.0.113.9"))
    later = now() + timedelta(minutes=5)
    with tenant(place.id):
        ApiKey.objects.update(last_used_at=later, last_used_ip="203.0.113.77")
    uses.sweep()
    with tenant(place.id):
        key = ApiKey.objects.get()
    assert (key.last_used_at, key.last_used_ip) == (later, "203.0.113.77")


def test_refusals_are_counted_apart_and_tell_nothing_of_where_a_key_is_used(place, actor):
    uses = Uses(put_down, every=HOUR)
    uses.note(coming_from(actor, "198.51.100.1"), refused=True)
    uses.note(coming_from(actor, "198.51.100.2"), refused=True)
    assert counted(place) == [(1, 1)]
    uses.sweep()
    assert counted(place) == [(1, 2)]
    with tenant(place.id):
        assert ApiKey.objects.get().last_used_ip == ORIGIN.ip
        assert [row.network for row in ApiKeyNetwork.objects.all()] == [HOME]


def test_a_new_network_is_put_down_at_once_and_recorded_but_for_the_first(place, actor):
    uses = Uses(put_down, every=HOUR)
    for ip in ("203.0.113.9", "198.51.100.1", "198.51.100.2", "203.0.113.10", "198.51.100.3"):
        uses.note(coming_from(actor, ip))
    with tenant(place.id):
        networks = list(ApiKeyNetwork.objects.order_by("first_at").values_list("network", flat=True))
        events = [event.detail["after"] for event in AuditEvent.objects.filter(tag="api_key:new_network")]
    assert networks == [HOME, "198.51.100.0/24"]
    assert events == [{"network": "198.51.100.0/24"}]


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
    ],
)
def test_networks_are_told_apart_by_their_first_bits(ip, network):
    assert network_around(ip) == network


def test_an_address_that_cannot_be_told_is_no_network(place, actor):
    uses = Uses(put_down, every=HOUR)
    uses.note(coming_from(actor, None))
    uses.note(coming_from(actor, None))
    assert counted(place) == [(2, 0)]
    uses.sweep()
    assert counted(place) == [(3, 0)]


def test_what_could_not_be_put_down_waits_and_no_request_is_refused_for_it(actor, caplog):
    down, kept = [True], list[int]()

    def sometimes(use):
        if down[0]:
            uses.note(actor)  # another request, meanwhile
            raise DatabaseError
        kept.append(sum(use.requests.values()))

    uses = Uses(sometimes, every=HOUR)
    uses.note(actor)
    uses.note(actor)
    uses.sweep()
    assert "not put down yet" in caplog.text
    down[0] = False
    uses.note(actor)
    uses.sweep()
    assert kept == [5]


def test_a_thread_puts_down_what_waits_and_ends(actor):
    seen, twice = [], Event()

    def keep(use):
        seen.append(sum(use.requests.values()))
        if len(seen) == 2:
            twice.set()

    uses = Uses(keep, every=0.01)
    uses.note(actor)
    uses.note(actor)
    assert twice.wait(10)
    assert seen == [1, 1]
    thread = uses._thread
    if thread is not None:
        thread.join(10)
    assert uses._thread is None


def test_of_a_key_that_has_gone_nothing_is_kept(place, actor):
    uses = Uses(put_down, every=HOUR)
    uses.note(actor)
    uses.note(actor)
    with tenant(place.id):
        ApiKey.objects.all().delete()
    uses.sweep()
    assert counted(place) == []
