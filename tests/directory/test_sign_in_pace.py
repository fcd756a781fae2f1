"""How often, and how many at once, HQ asks the provider of an organization because a browser comes back from it."""

from contextlib import ExitStack

import pytest
from django.test import Client

from directory.actions.discovery import read_provider
from hq.db.context import tenant
from hq.limits.seats import MOST_FOR_ONE, waiting_for
from hq.limits.slots import Busy
from tests.directory.oidc_support import EMAIL, Browser, Sso
from tests.factories import make_place
from tests.idp import oidc
from tests.idp.browsing import LOOPBACK, somewhere
from tests.idp.workos import CONNECTION

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def loopback(settings):
    settings.OUTBOUND_NETWORKS = LOOPBACK


def all_seats_of(organization_id):
    held = ExitStack()
    for _ in range(MOST_FOR_ONE):
        held.enter_context(waiting_for(organization_id))
    return held


@pytest.mark.parametrize("protocol", ["openid", "workos"])
def test_coming_back_is_counted_like_going_there(protocol, provider, workos, settings):
    settings.WORKOS_ADDRESS = workos.address
    sso = Sso.openid(provider) if protocol == "openid" else Sso.workos(workos, connection=CONNECTION)
    assert settings.ACCOUNT_RATE_LIMITS["sso"] == "600/m/ip"
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"sso": "3/m/ip"}
    client = Client(REMOTE_ADDR=somewhere())
    answers = [client.get(f"{sso.at('callback')}?state=x&code=y") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 429]
    assert b"Too many tries" in answers[3].content
    assert Client(REMOTE_ADDR=somewhere()).get(f"{sso.at('callback')}?state=x").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_no_more_threads_wait_for_one_organizations_provider_and_the_same_address_counts_a_moment_later(provider):
    sso = Sso.openid(provider)
    browser = Browser(sso)
    callback = provider.authorize(browser.ask())
    with all_seats_of(sso.place.id):
        refused = browser.bring(callback)
    assert (refused.status_code, refused["Retry-After"]) == (503, "2")
    assert provider.times(oidc.TOKEN) == 0
    assert browser.bring(callback).status_code == 302
    assert browser.somebody.email == EMAIL


def test_another_organizations_people_come_in_meanwhile(provider):
    browser = Browser(Sso.openid(provider))
    callback = provider.authorize(browser.ask())
    with all_seats_of(make_place().id):
        assert browser.bring(callback).status_code == 302


def test_an_organization_has_no_more_providers_read_at_once(provider):
    place = make_place()
    with all_seats_of(place.id), tenant(place.id), pytest.raises(Busy):
        read_provider(actor=place.actor(), issuer=provider.address)
    assert provider.asked == []
