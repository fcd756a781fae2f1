"""The deployment's own trail, which only operators read."""

import pytest

from audit.models import ChainVerification
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from tests.factories import make_place
from tests.operators import desk_of, make_operator
from tests.tenants.support_access import ask

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return desk_of(make_operator())


def test_it_lists_what_operators_did_and_pages_on(desk, monkeypatch):
    monkeypatch.setattr("console.views.trail.PAGE", 2)
    place = make_place()
    for name in ("Ada", "Bea", "Cai"):
        ask(place, make_operator(name=name))
    first = desk.get("/operator/trail?tag=support:requested")
    assert [event.actor_label for event in first.context["events"]] == ["Cai", "Bea"]
    rest = desk.get("/operator/trail" + first.context["older"])
    assert rest.context["events"][0].actor_label == "Ada"
    assert rest.context["newest"] == "?tag=support%3Arequested"


def test_an_event_is_shown_with_its_reason_and_its_hash(desk):
    request = ask(make_place(), make_operator(name="Ada"))
    [event] = desk.get("/operator/trail?tag=support:requested").context["events"][:1]
    page = desk.get(f"/operator/trail/{event.index}").content.decode()
    for words in ("Ada", str(request.organization_id), "Case 4471", "fits its hash"):
        assert words in page


def test_it_is_verified_from_its_page(desk):
    ask(make_place(), make_operator())
    answer = desk.post("/operator/trail/verify", follow=True)
    assert b"Chain verified." in answer.content
    with tenant(PLATFORM_ID):
        assert ChainVerification.objects.latest("at").first_bad is None


def test_it_shows_no_organizations_own_events(desk):
    place = make_place()
    assert place.organization.name not in desk.get("/operator/trail").content.decode()


@pytest.mark.django_db(transaction=True)
def test_an_address_that_is_not_whole_is_refused():
    desk = desk_of(make_operator())
    for query in ("cursor=0", "cursor=x", "cursor=9" + "9" * 30, "tag=" + "x" * 61):
        assert desk.get(f"/operator/trail?{query}").status_code == 400
    assert desk.get("/operator/trail/999999999999999999").status_code == 404
