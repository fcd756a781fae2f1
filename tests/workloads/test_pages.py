"""Pages of workload trusts: what is accepted, what was exchanged, what was refused and why (ACC-8)."""

import html
import re
from datetime import timedelta

import pytest

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Unauthenticated
from tests.factories import ORIGIN, make_member, make_place, sign_in
from tests.workloads.cluster import AUDIENCE, ISSUER, SUBJECT, Cluster, given
from workloads import actions
from workloads.models import Exchange, Token, Trust

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def browser(place):
    return sign_in(place.owner)


def at(place, path=""):
    return f"/o/{place.slug}/live/workloads/{path}"


def text(answer):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def refuse(trust, token):
    with pytest.raises(actions.NotExchanged):
        given(trust.id, token)


def test_the_empty_list_says_why_nothing_has_to_be_stored_and_leads_on(place, browser):
    said = text(browser.get(at(place)))
    assert "A stored key works for whoever copies it" in said
    assert at(place, "new") in browser.get(at(place)).content.decode()
    reader = sign_in(make_member(place, Role.AUDITOR))
    assert at(place, "new") not in reader.get(at(place)).content.decode()


def test_the_list_says_what_comes_in_as_whom_and_how_often_it_was_refused(place, browser, cluster):
    trust = cluster.trust(place)
    given(trust.id, cluster.token())
    for _ in range(2):
        refuse(trust, cluster.token(sub="system:serviceaccount:claims:other"))
    said = text(browser.get(at(place)))
    for shown in (trust.name, "Kubernetes", SUBJECT, "objects:read", "On"):
        assert shown in said, shown
    link = f'href="{at(place, f"{trust.id}?outcome=refused#exchanges")}" aria-label="2 refused for {trust.name}"'
    assert link in browser.get(at(place)).content.decode()


def test_a_trust_of_the_other_environment_is_not_there(place, browser, cluster):
    trust = cluster.trust(place)
    given(trust.id, cluster.token())
    with tenant(place.id):
        exchange = Exchange.objects.get()
    for path in (
        f"{trust.id}",
        f"{trust.id}/change",
        f"{trust.id}/try",
        f"{trust.id}/remove",
        f"exchanges/{exchange.id}",
    ):
        assert browser.get(at(place, path)).status_code == 200, path
        assert browser.get(at(place, path).replace("/live/", "/test/")).status_code == 404, path


def test_a_trust_shows_what_it_accepts_and_its_exchanges_by_outcome(place, browser, cluster):
    trust = cluster.trust(place)
    given(trust.id, cluster.token())
    refuse(trust, cluster.token(aud="https://elsewhere.example"))
    page, only = browser.get(at(place, f"{trust.id}")), browser.get(at(place, f"{trust.id}?outcome=refused"))
    for shown in (ISSUER, SUBJECT, AUDIENCE, "one of the pasted keys", "Given 1", "Refused 1", "Tokens out 1"):
        assert shown in text(page), shown
    assert ("It was made for somebody else" in text(page), "A token was given" in text(page)) == (True, True)
    assert ("It was made for somebody else" in text(only), "A token was given" in text(only)) == (True, False)
    assert browser.get(at(place, f"{trust.id}?outcome=odd")).status_code == 400
    assert browser.get(at(place, f"{trust.id}?cursor=odd")).status_code == 400


def test_figures_are_of_the_last_day_and_of_tokens_that_work(place, browser, cluster):
    trust = cluster.trust(place)
    given(trust.id, cluster.token())
    refuse(trust, "no token")
    with tenant(place.id):
        Exchange.objects.update(at=now() - timedelta(hours=25))
        Token.objects.update(expires_at=now())
    page = text(browser.get(at(place, f"{trust.id}")))
    for figure in ("Given 0", "Refused 0", "Tokens out 0"):
        assert figure in page, figure
    assert "refused for" not in browser.get(at(place)).content.decode()
    assert "No token of HQ works now." in text(browser.get(at(place, f"{trust.id}/remove")))


def test_many_exchanges_come_in_pages_that_keep_the_filter(place, browser, cluster, monkeypatch):
    monkeypatch.setattr("workloads.views.trusts.PAGE", 2)
    trust = cluster.trust(place)
    for _ in range(3):
        refuse(trust, "no token")
    first = browser.get(at(place, f"{trust.id}?outcome=refused"))
    [older] = [html.unescape(link) for link in re.findall(r'href="([^"]+)" rel="next"', first.content.decode())]
    assert "outcome=refused" in older
    second = browser.get(older.partition("#")[0]).content.decode()
    assert (first.content.decode().count("/exchanges/"), second.count("/exchanges/")) == (2, 1)
    assert 'rel="next"' not in second
    assert f"{at(place, f'{trust.id}')}?outcome=refused&amp;#exchanges" in second


def test_many_trusts_come_in_pages(place, browser, cluster, monkeypatch):
    monkeypatch.setattr("workloads.views.trusts.PAGE", 1)
    older, newer = cluster.trust(place, "older"), cluster.trust(place, "newer")
    first = browser.get(at(place))
    assert (newer.name in text(first), older.name in text(first)) == (True, False)
    assert older.name in text(browser.get(at(place, f"?cursor={newer.id}")))


def test_a_refusal_shows_what_was_expected_against_what_came(place, browser, cluster):
    trust = cluster.trust(place)
    refuse(trust, cluster.token(sub="system:serviceaccount:claims:other"))
    with tenant(place.id):
        refusal = Exchange.objects.get()
    said = text(browser.get(at(place, f"exchanges/{refusal.id}")))
    assert "Another workload sent it" in said
    assert f"Expected {SUBJECT} Came system:serviceaccount:claims:other" in said
    assert "make a trust for it" in said


def test_what_was_expected_then_is_not_said_to_be_what_is_expected_now(place, browser, cluster):
    trust = cluster.trust(place)
    refuse(trust, cluster.token(sub="system:serviceaccount:claims:other"))
    with tenant(place.id):
        actions.change_trust(
            actor=place.actor(),
            trust_id=trust.id,
            **kept(trust) | {"subject": "system:serviceaccount:claims:third"},
        )
        refusal = Exchange.objects.get()
    said = text(browser.get(at(place, f"exchanges/{refusal.id}")))
    assert "Expected system:serviceaccount:claims:third" not in said
    assert f'The subject is "system:serviceaccount:claims:other", not "{SUBJECT}".' in said


def kept(trust):
    """What a trust says, as arguments."""
    return {
        **trust.conditions,
        "name": trust.name,
        "service_account_id": trust.service_account_id,
        "scopes": frozenset(trust.scopes),
        "seconds": trust.seconds,
        "single_use": trust.single_use,
        "keys": trust.source["keys"],
    }


def test_an_exchange_shows_what_was_given_and_never_the_token(place, browser, cluster):
    trust, token = cluster.trust(place, seconds=300), cluster.token()
    ours = given(trust.id, token)
    with tenant(place.id):
        exchange = Exchange.objects.get()
    page = browser.get(at(place, f"exchanges/{exchange.id}"))
    assert "objects:read" in text(page)
    assert "5 min" in text(page)
    for secret in (token, token.split(".")[2], ours):
        assert secret not in page.content.decode()


# ---- the end


def test_switching_off_ends_tokens_and_switching_on_takes_new_ones(place, browser, cluster):
    trust = cluster.trust(place)
    ours = given(trust.id, cluster.token())
    assert browser.get(at(place, f"{trust.id}/disable")).status_code == 405
    assert browser.post(at(place, f"{trust.id}/disable")).status_code == 302
    with pytest.raises(Unauthenticated):
        actions.authenticate_workload(secret=ours, origin=ORIGIN)
    assert "Every token is refused" in text(browser.get(at(place, f"{trust.id}")))
    refuse(trust, cluster.token())
    assert browser.post(at(place, f"{trust.id}/enable")).status_code == 302
    given(trust.id, cluster.token())


def test_removing_says_how_many_tokens_end_and_asks_for_the_name(place, browser, cluster):
    trust = cluster.trust(place)
    ours = [given(trust.id, cluster.token()) for _ in range(2)]
    page = at(place, f"{trust.id}/remove")
    assert "2 tokens of HQ work now and end at once" in text(browser.get(page))
    wrong = browser.post(page, {"confirm": "another"})
    assert (wrong.status_code, "This is not the name of the trust" in text(wrong)) == (400, True)
    actions.authenticate_workload(secret=ours[0], origin=ORIGIN)
    assert browser.post(page, {"confirm": trust.name}).status_code == 302
    for secret in ours:
        with pytest.raises(Unauthenticated):
            actions.authenticate_workload(secret=secret, origin=ORIGIN)
    with tenant(place.id):
        assert not Trust.objects.exists()
    assert browser.get(at(place, f"{trust.id}")).status_code == 404


def test_readers_see_everything_and_change_nothing(place, cluster):
    trust = cluster.trust(place)
    reader = sign_in(make_member(place, Role.AUDITOR))
    page = reader.get(at(place, f"{trust.id}")).content.decode()
    for verb in ("change", "disable", "remove"):
        assert f"{trust.id}/{verb}" not in page
        assert reader.post(at(place, f"{trust.id}/{verb}"), {"confirm": trust.name}).status_code == 403
    assert f"{trust.id}/try" in page
