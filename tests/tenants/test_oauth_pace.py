"""How often, and how many at once, HQ asks a provider of the deployment's because a browser comes back from it."""

from contextlib import ExitStack

import pytest
from django.test import Client

from hq.limits.seats import MOST_FOR_ONE, waiting_for
from tests.idp import oidc
from tests.idp.browsing import somewhere
from tests.tenants.oauth_support import EMAIL, Browser

pytestmark = pytest.mark.django_db(transaction=True)


def test_coming_back_is_counted_like_going_there(acme, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"sso": "3/m/ip"}
    client = Client(REMOTE_ADDR=somewhere())
    answers = [client.get("/account/acme/login/callback/?state=x&code=y") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


def test_no_more_threads_wait_for_one_provider_and_the_same_address_counts_a_moment_later(acme):
    browser = Browser(acme)
    callback = acme.authorize(browser.ask())
    asked = acme.times(oidc.TOKEN)
    with ExitStack() as held:
        for _ in range(MOST_FOR_ONE):
            held.enter_context(waiting_for("acme"))
        assert browser.bring(callback).status_code == 503
        assert browser.client.post("/account/acme/login/").status_code == 503
    assert acme.times(oidc.TOKEN) == asked
    assert browser.bring(callback).status_code == 302
    assert browser.somebody.email == EMAIL
