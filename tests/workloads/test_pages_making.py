"""Making and changing a trust in the portal, from the platform to what will be accepted, and trying a token."""

import html
import logging
import re

import pytest

from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Unauthenticated
from tenants import actions as tenants
from tests.factories import ORIGIN, make_member, make_place, sign_in
from tests.workloads.cluster import AUDIENCE, ISSUER, SUBJECT, Cluster, given
from tests.workloads.test_pages import at, text
from workloads import actions
from workloads.models import Exchange, Trust, UsedToken

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


def hidden(answer, name):
    [value] = re.findall(rf'name="{name}"[^>]* value="([^"]+)"', answer.content.decode())
    return html.unescape(value)


def filled(place, cluster, **more):
    """The form of a cluster, as somebody fills it in."""
    with tenant(place.id):
        account = tenants.create_service_account(actor=place.actor(), name="claims-triage")
    return {
        "name": "triage",
        "issuer": ISSUER,
        "keys": cluster.keys,
        "namespace": "claims",
        "account": "triage",
        "audience": AUDIENCE,
        "service_account": str(account.id),
        "scopes": ["objects:read"],
        "seconds": "300",
    } | more


def looked_at(browser, url, data):
    """The page that says what will be accepted, and the form as it is sent from there."""
    data = data | {"once": hidden(browser.get(url), "once")}
    shown = browser.post(url, data | {"act": "look"})
    assert shown.status_code == 200, text(shown)
    return shown, data | {"act": "save", "seen": hidden(shown, "seen")}


def test_each_platform_has_a_page_of_its_own_words(place, browser):
    choices = browser.get(at(place, "new")).content.decode()
    for kind in Trust.Kind.values:
        assert f'value="{kind}"' in choices
        page = browser.get(at(place, f"new?kind={kind}"))
        assert page.status_code == 200
        assert f"Trust {Trust.Kind(kind).label}" in text(page)
    assert browser.get(at(place, "new?kind=odd")).status_code == 400


def test_without_a_service_account_it_leads_to_making_one(place, browser):
    page = browser.get(at(place, "new?kind=other"))
    assert f"/o/{place.slug}/live/service-accounts/new" in page.content.decode()
    assert "There is no service account yet" in text(page)


def test_it_shows_exactly_what_will_be_accepted_and_makes_that(place, browser, cluster):
    url = at(place, "new?kind=kubernetes")
    shown, agreed = looked_at(browser, url, filled(place, cluster))
    for said in (
        SUBJECT,
        AUDIENCE,
        ISSUER,
        "one of the pasted keys",
        "claims-triage",
        "5 min",
        "as often as it is sent",
    ):
        assert said in text(shown), said
    with tenant(place.id):
        assert not Trust.objects.exists()
    made = browser.post(url, agreed)
    with tenant(place.id):
        trust = Trust.objects.get()
    assert made["Location"] == at(place, f"{trust.id}")
    page = browser.get(made["Location"])
    assert "serviceAccountToken" in text(page)
    assert f"-d audience={trust.id}" in text(page)
    ours = given(trust.id, cluster.token())
    assert actions.authenticate_workload(secret=ours, origin=ORIGIN).label == "triage"


def test_sent_twice_it_makes_one(place, browser, cluster):
    url = at(place, "new?kind=kubernetes")
    _, agreed = looked_at(browser, url, filled(place, cluster))
    assert browser.post(url, agreed).status_code == 302
    again = browser.post(url, agreed)
    assert (again.status_code, "sent twice" in text(again)) == (400, True)
    with tenant(place.id):
        assert Trust.objects.count() == 1


def test_what_was_not_shown_as_accepted_is_shown_before_it_is_made(place, browser, cluster):
    url = at(place, "new?kind=kubernetes")
    _, agreed = looked_at(browser, url, filled(place, cluster))
    shown = browser.post(url, agreed | {"account": "other"})
    assert shown.status_code == 200
    assert "You changed it since" in text(shown)
    assert "system:serviceaccount:claims:other" in text(shown)
    unseen = browser.post(url, {**agreed, "seen": ""})
    assert "This is what will be accepted" in text(unseen) or "You changed it since" in text(unseen)
    with tenant(place.id):
        assert not Trust.objects.exists()


def test_what_the_verb_refuses_stands_at_its_field(place, browser, cluster):
    url = at(place, "new?kind=kubernetes")
    private = cluster.key.as_dict(private=True)
    keys = f'{{"keys": [{{"kty": "EC", "d": "{private["d"]}"}}]}}'
    _, agreed = looked_at(browser, url, filled(place, cluster, keys=keys))
    refused = browser.post(url, agreed)
    assert refused.status_code == 400
    assert "Key set: There is a private or shared key in this set" in text(refused)


def test_wrong_fields_are_named(place, browser, cluster):
    answer = browser.post(at(place, "new?kind=kubernetes"), filled(place, cluster, namespace="Claims!", act="look"))
    assert answer.status_code == 400
    assert "Namespace: A name in Kubernetes has small letters" in text(answer)


def test_an_account_of_another_organization_cannot_be_chosen(place, browser, cluster):
    other = make_place()
    with tenant(other.id):
        foreign = tenants.create_service_account(actor=other.actor(), name="foreign")
    data = filled(place, cluster, service_account=str(foreign.id), act="look")
    url = at(place, "new?kind=kubernetes")
    assert browser.post(url, data | {"once": hidden(browser.get(url), "once")}).status_code == 400


# ---- changing


def test_a_change_begins_with_what_is_kept_and_ends_tokens_that_are_out(place, browser, cluster):
    trust = cluster.trust(place, scopes=frozenset({Permission.OBJECTS_READ, Permission.OBJECTS_WRITE}))
    ours = given(trust.id, cluster.token())
    url = at(place, f"{trust.id}/change")
    page = browser.get(url).content.decode()
    for said in ('value="claims"', 'value="triage"', f'value="{ISSUER}"', f'value="{AUDIENCE}"'):
        assert said in page, said
    data = {
        "name": trust.name,
        "issuer": ISSUER,
        "keys": cluster.keys,
        "namespace": "claims",
        "account": "triage-2",
        "audience": AUDIENCE,
        "service_account": str(trust.service_account_id),
        "scopes": ["objects:read"],
        "seconds": "60",
    }
    _, agreed = looked_at(browser, url, data)
    actions.authenticate_workload(secret=ours, origin=ORIGIN)
    assert browser.post(url, agreed).status_code == 302
    with tenant(place.id):
        trust.refresh_from_db()
        assert trust.conditions["subject"] == "system:serviceaccount:claims:triage-2"
        assert (trust.scopes, trust.seconds) == (["objects:read"], 60)
    with pytest.raises(Unauthenticated):
        actions.authenticate_workload(secret=ours, origin=ORIGIN)


def test_a_trust_with_more_than_the_platforms_fields_say_is_changed_field_by_field(place, browser, cluster):
    trust = cluster.trust(place, claims={"kubernetes.io.namespace": "claims", "tier": 2})
    page = browser.get(at(place, f"{trust.id}/change")).content.decode()
    assert "kubernetes.io.namespace=claims\ntier=2" in page
    assert f'value="{SUBJECT}"' in page


# ---- trying


def tried(browser, place, trust, token):
    return browser.post(at(place, f"{trust.id}/try"), {"token": token})


def test_a_token_that_fits_passes_every_check_and_nothing_is_given(place, browser, cluster):
    trust = cluster.trust(place, single_use=True)
    page = tried(browser, place, trust, cluster.token())
    assert "It would be taken." in text(page)
    assert "Failed:" not in page.content.decode()
    with tenant(place.id):
        assert not Exchange.objects.exists()
        assert not UsedToken.objects.exists()


def test_each_check_that_fails_says_what_was_expected_and_what_came(place, browser, cluster):
    trust = cluster.trust(place, claims={"tier": 2})
    page = text(tried(browser, place, trust, cluster.token(sub="someone", aud="them", iss="https://other.example")))
    assert "It would be refused." in page
    for expected, came in (
        (SUBJECT, "someone"),
        (AUDIENCE, "them"),
        (ISSUER, "https://other.example"),
        ("2", "nothing"),
    ):
        assert f"Expected {expected} Came {came}" in page, expected


def test_a_tried_token_is_neither_shown_again_nor_logged_nor_kept(place, browser, cluster, caplog):
    trust, token = cluster.trust(place), cluster.token(sub="someone")
    with caplog.at_level(logging.DEBUG):
        page = tried(browser, place, trust, token)
    for part in (token, *token.split(".")):
        assert part not in page.content.decode()
        assert part not in caplog.text
    assert "no-store" in page["Cache-Control"]
    assert token not in browser.get(at(place, f"{trust.id}/try")).content.decode()
    long = "x" * 20_000
    refused = tried(browser, place, trust, long)
    assert (refused.status_code, long in refused.content.decode()) == (400, False)


def test_what_is_no_token_is_said_to_be_none(place, browser, cluster):
    assert "A token has three parts" in text(tried(browser, place, cluster.trust(place), "not a token"))


def test_whoever_reads_trusts_may_try_and_others_may_not(place, cluster):
    trust = cluster.trust(place)
    assert tried(sign_in(make_member(place, Role.AUDITOR)), place, trust, cluster.token()).status_code == 200
    assert tried(sign_in(make_member(place, Role.ANALYST)), place, trust, cluster.token()).status_code == 403
