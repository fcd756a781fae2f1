"""The pages that make, change, re-key, switch and remove an endpoint."""

import re

import pytest

from hq.authz.roles import Role
from hq.db.context import tenant
from tests.factories import make_member, make_place, sign_in
from tests.webhooks.pages import URL, Portal, found, id_in, text
from webhooks import selectors
from webhooks.actions.endpoints import switch_off
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def portal():
    return Portal(make_place())


def stored(portal, endpoint_id):
    with tenant(portal.place.id):
        return selectors.get_endpoint(portal.place.actor(), endpoint_id)


def test_an_environment_without_endpoints_says_what_one_is_and_leads_to_the_form(portal):
    page = portal.get()
    assert "No endpoints in this environment" in text(page)
    assert found(r'class="btn" href="([^"]+/webhooks/new)"', page)


def test_its_room_is_in_the_navigation_of_those_who_may_manage_it(portal):
    overview = portal.base.replace("webhooks/", "")
    assert portal.base in portal.client.get(overview).content.decode()
    analyst = sign_in(make_member(portal.place, Role.ANALYST))
    assert portal.base not in analyst.get(overview).content.decode()


def test_an_endpoint_is_made_and_its_secret_shown_once(portal):
    form = portal.form("new", name="Claims intake", url=URL, scope="*")
    made = portal.post("new", form)
    secret, public = (found(rf'data-value="({prefix}_[^"]+)"', made) for prefix in ("whsec", "whpk"))
    assert "It is shown once" in text(made)
    endpoint_id = id_in(made)
    again = portal.post("new", form)
    assert (again.status_code, "whsec_" in again.content.decode()) == (400, False)
    page = portal.get(f"{endpoint_id}")
    assert secret not in page.content.decode()
    assert public in page.content.decode()
    listed = text(portal.get())
    assert "Claims intake" in listed
    assert URL in listed
    assert "Everything" in listed
    assert stored(portal, endpoint_id).events == ["*"]


def test_events_are_picked_one_by_one_and_by_noun(portal):
    made = portal.make(scope="some", event=["object:created", "key:rotated"], noun="share")
    events = stored(portal, id_in(made)).events
    assert events == ["key:rotated", "object:created", "share:created", "share:opened", "share:revoked"]
    page = text(portal.get(f"{id_in(made)}"))
    assert "5 events" in page
    assert "Share links share:created share:opened share:revoked" in page


def test_what_is_wrong_stands_beside_its_field_and_what_was_picked_stays(portal):
    answer = portal.make(url="https://me:word@hooks.alderpeak.example/", scope="some", event="share:opened")
    assert answer.status_code == 400
    assert "1 thing to correct Address: Leave the user name and the password out of the address." in text(answer)
    assert re.search(r'value="share:opened" checked', answer.content.decode())
    assert "Name: This field is required." in text(portal.make(name=""))
    assert "Name: Enter 1 to 80 characters, without control ones." in text(portal.make(name=" "))
    nothing = portal.make(scope="some")
    assert "Choose at least one event below, or everything." in text(nothing)
    assert "No endpoints" in text(portal.get())


def test_a_test_environment_offers_nothing_that_only_live_is_told(portal):
    assert 'value="member:joined"' in portal.get("new").content.decode()
    test = Portal(portal.place, "test").get("new").content.decode()
    assert 'value="member:joined"' not in test
    assert 'value="object:created"' in test


def test_it_is_changed_and_keeps_its_secret(portal):
    made = portal.made(events=["share:opened"])
    page = f"{made.endpoint.id}/change"
    assert re.search(r'value="share:opened" checked', portal.get(page).content.decode())
    answer = portal.post(page, portal.form(page, name="Elsewhere", url=URL + "/2", scope="*"))
    assert answer.status_code == 302
    now = stored(portal, made.endpoint.id)
    assert (now.name, now.url, now.events) == ("Elsewhere", URL + "/2", ["*"])
    refused = portal.post(page, portal.form(page, name="", url=URL, scope="*"))
    assert refused.status_code == 400
    assert made.public in portal.get(f"{now.id}").content.decode()


def test_a_new_secret_is_shown_once_and_the_former_one_signs_for_as_long_as_chosen(portal):
    made = portal.made()
    page = f"{made.endpoint.id}/secret"
    form = portal.form(page, grace_hours="72")
    answer = portal.post(page, form)
    assert "The former secret signs too until" in text(answer)
    secret = found(r'data-value="(whsec_[^"]+)"', answer)
    assert secret != made.secret
    assert "Signs too until" in text(portal.get(f"{made.endpoint.id}"))
    again = portal.post(page, form)
    assert (again.status_code, "whsec_" in again.content.decode()) == (409, False)
    with tenant(portal.place.id):
        assert len(selectors.list_secrets(portal.place.actor(), made.endpoint.id)) == 2
    at_once = portal.post(page, portal.form(page, grace_hours="0"))
    assert "signs nothing any more" in text(at_once)
    with tenant(portal.place.id):
        assert len(selectors.list_secrets(portal.place.actor(), made.endpoint.id)) == 1
    assert portal.post(page, portal.form(page, grace_hours="5")).status_code == 400


def test_it_is_switched_off_and_on_and_says_so_when_somebody_was_first(portal):
    made = portal.made()
    here = f"{made.endpoint.id}/"
    for verb, told in (("disable", "Switched off by hand"), ("enable", "Send a test to see")):
        first = portal.client.post(f"{portal.base}{here}{verb}", follow=True)
        assert told in text(first), verb
        second = portal.client.post(f"{portal.base}{here}{verb}", follow=True)
        assert "already" in text(second), verb
        assert portal.get(f"{here}{verb}").status_code == 405


@pytest.mark.parametrize(
    ("reason", "told"), [("GONE", "It answered 410 Gone"), ("FAILING", "Look at a failed delivery below")]
)
def test_one_that_hq_switched_off_says_why_and_what_to_do(portal, reason, told):
    made = portal.made()
    with tenant(portal.place.id):
        switch_off(made.endpoint, portal.place.actor(), Endpoint.Reason(reason))
    assert "Claims intake is off since" in text(portal.get())
    page = portal.get(f"{made.endpoint.id}")
    assert told in text(page)
    assert "Switch on again" in text(page)


def test_it_is_removed_by_its_name_only(portal):
    made = portal.made()
    page = f"{made.endpoint.id}/remove"
    assert portal.post(page, {"confirm": "Claims"}).status_code == 400
    assert "Claims intake" in text(portal.get())
    assert portal.post(page, {"confirm": "Claims intake"}).status_code == 302
    assert portal.get(page).status_code == 404
    assert "No endpoints" in text(portal.get())


def test_an_endpoint_of_another_environment_is_not_there(portal):
    made = portal.made()
    test = Portal(portal.place, "test")
    for page in ("", "/change", "/secret", "/remove", "/replay"):
        assert test.get(f"{made.endpoint.id}{page}").status_code == 404, page
