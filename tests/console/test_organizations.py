"""What operators see of every organization: health, size, key age, last activity; never content (ACC-11)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import ChainVerification
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from keys.models import Cmk
from tenants import actions
from tenants.models import Organization
from tests.factories import ORIGIN, make_api_key, make_member, make_person, make_place
from tests.operators import desk_of, make_operator
from tests.tenants.support_access import REASON, approve, ask, at_the_desk
from vault import actions as vault

pytestmark = pytest.mark.django_db
LIST = "/operator/organizations"


@pytest.fixture
def opal():
    return make_operator(name="Opal Operator")


@pytest.fixture
def desk(opal):
    return desk_of(opal)


def rows(desk, query=""):
    return {row.line.id: row for row in desk.get(f"{LIST}{query}").context["rows"]}


def test_the_list_says_how_each_is_and_names_nothing_inside(desk):
    place, empty = make_place("Alder Peak"), make_place("Birch Hill")
    make_member(place, Role.ANALYST, "secret.person@example.com", name="Secret Person")
    for path in ("plans/merger.txt", "plans/other.txt"):
        vault.put_object(actor=place.actor(), path=path, chunks=[b"0123456789"])
    vault.delete_object(actor=place.actor(), path="plans/other.txt")
    with tenant(place.id):
        Cmk.objects.filter(organization_id=place.id).update(rotated_at=now() - timedelta(days=40))
    found = rows(desk)
    row = found[place.id]
    assert (row.health, row.line.members, row.objects, row.more) == ("ready", 2, 1, False)
    assert row.stored_bytes > 20
    assert row.key_age == 40
    assert row.renewed_on == (now() + timedelta(days=325)).date()
    assert now() - row.last_at < timedelta(minutes=5)
    assert (found[empty.id].objects, found[empty.id].line.members) == (0, 1)
    for page in (LIST, f"{LIST}/{place.id}"):
        text = desk.get(page).content.decode()
        assert "Alder Peak" in text
        for inside in ("merger", "plans", "secret.person", "Secret Person"):
            assert inside not in text


def test_one_page_says_more_and_whom_to_reach(desk, opal):
    place = make_place("Alder Peak")
    request = ask(place, opal)
    text = desk.get(f"{LIST}/{place.id}").content.decode()
    for words in (place.owner.email, f"/o/{place.slug}/", "tenants.provision", str(request.id), "Version 1."):
        assert words in text
    assert REASON not in text


def test_each_health_shows(desk, opal):
    places = {name: make_place() for name in ("suspended", "closed", "shut", "broken", "inside")}
    for name in ("suspended", "closed"):
        with tenant(places[name].id):
            Organization.objects.filter(pk=places[name].id).update(state=name.upper())
    with tenant(places["shut"].id):
        Cmk.objects.filter(organization_id=places["shut"].id).update(
            state="PENDING_DELETION", delete_at=now() + timedelta(days=9)
        )
    broken = places["broken"]
    with tenant(broken.id):
        ChainVerification.objects.create(
            organization_id=broken.id, environment_id=broken.live_id, at=now(), length=3, head=b"x" * 32, first_bad=2
        )
    request = approve(places["inside"], ask(places["inside"], opal))
    actions.start_support(actor=at_the_desk(opal), request_id=request.id)
    young = actions.create_organization(person=make_person(), name="Young", region="local", origin=ORIGIN)
    failed = actions.create_organization(person=make_person(), name="Failed", region="local", origin=ORIGIN)
    with tenant(failed.id):
        Job.objects.filter(organization_id=failed.id).update(state="DEAD", error="E: no", finished_at=now())
    found = rows(desk)
    for name in ("suspended", "closed", "shut", "broken"):
        assert found[places[name].id].health == name
    assert (found[young.id].health, found[failed.id].health) == ("provisioning", "failed")
    assert found[places["inside"].id].line.support_running == 1
    assert found[places["shut"].id].renewed_on is None
    for organization_id in found:
        assert desk.get(f"{LIST}/{organization_id}").status_code == 200


def test_counting_stops_at_a_bound_and_says_so(desk, monkeypatch):
    place = make_place()
    for number in range(3):
        vault.put_object(actor=place.actor(), path=f"file-{number}", chunks=[b"x"])
    monkeypatch.setattr("console.selectors.COUNTED_IN_LIST", 2)
    row = rows(desk)[place.id]
    assert (row.objects, row.more) == (2, True)
    assert b"more than 2" in desk.get(LIST).content
    monkeypatch.setattr("console.selectors.COUNTED_IN_LIST", 3)
    assert (rows(desk)[place.id].objects, rows(desk)[place.id].more) == (3, False)


def test_it_is_searched_narrowed_and_paged(desk, monkeypatch):
    alder, birch = make_place("Alder Peak"), make_place("Birch % Hill_")
    with tenant(birch.id):
        Organization.objects.filter(pk=birch.id).update(state="SUSPENDED")
    for query, wanted in (
        ("?q=ALDER", {alder.id}),
        (f"?q={birch.id}", {birch.id}),
        ("?q=birch-hill", {birch.id}),
        ("?q=%25", {birch.id}),
        ("?q=' OR 1=1", set()),
        ("?state=SUSPENDED", {birch.id}),
        ("?state=CLOSED", set()),
        ("?q=hill&state=READY", set()),
    ):
        assert set(rows(desk, query)) == wanted, query
    monkeypatch.setattr("console.selectors.PAGE", 1)
    first = desk.get(LIST)
    assert [row.line.id for row in first.context["rows"]] == [birch.id]
    rest = desk.get(LIST + first.context["older"])
    assert [row.line.id for row in rest.context["rows"]] == [alder.id]
    assert rest.context["older"] == ""


def test_a_page_of_many_asks_no_more_than_a_page_of_few(desk, opal):
    def asked(page):
        desk.get(page)
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(page).status_code == 200
        return len(captured)

    first = make_place()
    ask(first, opal)
    pages = (LIST, "/operator/access", "/operator/trail", f"{LIST}/{first.id}")
    few = [asked(page) for page in pages]
    for _ in range(3):
        place = make_place()
        make_member(first, Role.OWNER)
        make_api_key(place)
        vault.put_object(actor=place.actor(), path="a", chunks=[b"x"])
        ask(place, opal)
        ask(first, make_operator())
    assert [asked(page) for page in pages] == few


@pytest.mark.django_db(transaction=True)
def test_an_address_that_is_not_whole_is_refused():
    desk = desk_of(make_operator())
    for page in (f"{LIST}?state=LOST", f"{LIST}?cursor=1", f"{LIST}?q=" + "x" * 81, "/operator/access?open=maybe"):
        assert desk.get(page).status_code == 400
    for page in ("", "/suspend", "/resume", "/close", "/reopen", "/access"):
        assert desk.get(f"{LIST}/01a00000-0000-7000-8000-000000000000{page}").status_code == 404
