"""Suspending, resuming, closing and reopening an organization; and making one for somebody."""

import pytest
from django.core import mail
from django.test import Client

from audit.models import AuditEvent
from console import actions
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.errors import Denied
from keys import rings
from keys.models import Cmk
from tenants import selectors
from tenants.actions.standing import NotInThisState, move_organization
from tenants.models import Organization, User
from tests.factories import make_api_key, make_member, make_person, make_place, run_jobs, sign_in
from tests.operators import desk_of, make_operator, once_of
from tests.tenants.support_access import at_the_desk

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "The invoice of June is not paid"


@pytest.fixture
def place():
    return make_place("Alder Peak")


@pytest.fixture
def desk():
    desk = desk_of(make_operator(name="Opal Operator"))
    mail.outbox.clear()  # that a key was added
    return desk


def do(desk, place, verb, **more):
    return desk.post(f"/operator/organizations/{place.id}/{verb}", {"reason": WHY, "confirm": place.slug} | more)


def told(organization_id):
    with tenant(organization_id):
        rows = AuditEvent.objects.filter(target_kind="organization", actor_kind="operator").order_by("index")
        return [(row.tag, row.actor_label, row.detail["reason"]) for row in rows]


def test_nobody_and_nothing_comes_in_until_it_is_resumed(place, desk):
    owner, key = sign_in(place.owner), make_api_key(place)
    make_member(place, Role.OWNER, "second@example.com")

    def statuses():
        by_key = Client().get("/v1/me", headers={"authorization": f"Bearer {key}"})
        return owner.get(f"/o/{place.slug}/live/").status_code, by_key.status_code

    assert statuses() == (200, 200)
    assert do(desk, place, "suspend").status_code == 302
    assert statuses() == (403, 401)
    assert b"This organization is suspended" in owner.get(f"/o/{place.slug}/live/").content
    assert {letter.to[0] for letter in mail.outbox} == {place.owner.email, "second@example.com"}
    assert WHY in mail.outbox[0].body
    assert do(desk, place, "resume").status_code == 302
    assert statuses() == (200, 200)
    steps = [("organization:suspended", "Opal Operator", WHY), ("organization:resumed", "Opal Operator", WHY)]
    assert told(place.id) == told(PLATFORM_ID) == steps


def test_a_closed_one_is_not_there_and_can_be_reopened(place, desk):
    owner = sign_in(place.owner)
    do(desk, place, "close")
    assert owner.get(f"/o/{place.slug}/live/").status_code == 404
    assert desk.get(f"/operator/organizations/{place.id}").status_code == 200
    do(desk, place, "reopen")
    assert owner.get(f"/o/{place.slug}/live/").status_code == 200
    assert [tag for tag, *_ in told(place.id)] == ["organization:closed", "organization:reopened"]


@pytest.mark.parametrize("verb", ["suspend", "close"])
@pytest.mark.parametrize("sent", [{"confirm": ""}, {"confirm": "Alder Peak"}, {"reason": ""}, {"reason": "a\nb" * 9}])
def test_it_asks_for_its_address_and_a_reason(place, desk, verb, sent):
    answer = do(desk, place, verb, **sent)
    assert answer.status_code == 400
    assert b"has-error" in answer.content
    assert told(place.id) == []


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        ("SUSPENDED", "suspend"),
        ("READY", "resume"),
        ("CLOSED", "resume"),
        ("CLOSED", "suspend"),
        ("CLOSED", "close"),
        ("READY", "reopen"),
        ("SUSPENDED", "reopen"),
        ("PROVISIONING", "close"),
        ("PROVISIONING", "suspend"),
    ],
)
def test_what_does_not_fit_its_state_is_refused(place, desk, state, verb):
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(state=state)
    assert do(desk, place, verb).status_code == 409
    assert told(place.id) == []


def test_while_its_key_is_shut_the_deployments_trail_has_it(place, desk):
    with tenant(place.id):
        Cmk.objects.filter(organization_id=place.id).update(state="DISABLED")
    rings.forget(place.id)
    assert do(desk, place, "suspend").status_code == 302
    assert told(PLATFORM_ID) == [("organization:suspended", "Opal Operator", WHY)]
    assert desk.get(f"/operator/organizations/{place.id}").status_code == 200
    assert sign_in(place.owner).get(f"/o/{place.slug}/live/").status_code == 403
    page = f"/operator/organizations/{place.id}/access"
    assert desk.post(page, {"reason": WHY, "minutes": "60", "once": once_of(desk, page)}).status_code == 503


def test_only_an_operator_may(place):
    with pytest.raises(Denied):
        actions.suspend_organization(actor=place.actor(), organization_id=place.id, reason=WHY, typed=place.slug)
    with pytest.raises(Denied):
        move_organization(actor=place.actor(), organization_id=place.id, to="SUSPENDED")
    with pytest.raises(NotInThisState):
        actions.reopen_organization(actor=at_the_desk(make_operator()), organization_id=place.id, reason=WHY)


# ---- making one for somebody


def make(desk, email, name="Cedar Row"):
    page = "/operator/organizations/new"
    return desk.post(page, {"name": name, "email": email, "once": once_of(desk, page)})


def test_somebody_new_is_mailed_the_way_in_and_owns_it(desk):
    answer = make(desk, "New.Owner@example.com")
    assert answer.status_code == 302
    run_jobs()
    [letter] = mail.outbox
    assert letter.to == ["new.owner@example.com"]
    link = next(line for line in letter.body.splitlines() if "/sign-in/" in line)
    browser = Client()
    browser.post("/" + link.split("/", 3)[3])
    owner = User.objects.get(email="new.owner@example.com")
    [belonging] = selectors.list_belongings(owner.pk)
    assert (belonging.name, belonging.role, belonging.state) == ("Cedar Row", "owner", "READY")
    assert browser.get(f"/o/{belonging.slug}/live/").status_code == 200
    assert desk.get(f"/o/{belonging.slug}/live/").status_code == 404
    assert told(belonging.organization_id)[0][:2] == ("organization:created", "Opal Operator")
    assert told(PLATFORM_ID)[0][:2] == ("organization:created", "Opal Operator")


def test_who_has_an_account_gets_no_link_that_signs_in(desk):
    person = make_person("known@example.com")
    sign_in(person)
    make(desk, "known@example.com")
    [letter] = mail.outbox
    assert "/sign-in/" not in letter.body
    assert "/o/cedar-row/" in letter.body


def test_a_name_that_is_taken_is_told(place, desk):
    answer = make(desk, "new.owner@example.com", name="Alder Peak")
    assert answer.status_code == 400
    assert b"exists already" in answer.content
    assert mail.outbox == []
    assert not User.objects.filter(email="new.owner@example.com").exists()
