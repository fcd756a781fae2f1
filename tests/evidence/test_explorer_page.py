"""What the explorer's page says: of input it cannot read, of filters without a menu, of one request with its proof."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from audit.models import AccessEntry, AuditEvent
from audit.tags import Log
from evidence.actions.checkpoints import make_checkpoint
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.ids import new_id
from tests.evidence.support import behind_its_back
from tests.factories import Place, make_member, make_place, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


def get(place: Place, query: str = ""):
    return sign_in(place.owner).get(f"/o/{place.slug}/live/audit/{query}")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?ip=hello", "From address:"),
        ("?actor_id=me", "Actor:"),
        ("?first=soon", "From day:"),
        ("?first=2026-11-22&last=2026-11-21", "To day:"),
        (f"?q={'x' * 300}", "Search:"),
        ("?kind=access&outcome=odd", "Outcome:"),
    ],
)
def test_what_cannot_be_read_shows_nothing_and_says_which_field(place: Place, query: str, said: str) -> None:
    answer = get(place, query)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert said in text
    assert "Nothing was looked for" in text
    assert "data-index" not in text


def test_a_number_behind_the_end_is_told(place: Place) -> None:
    for typed in ("9999", "0", "%2312,345"):
        answer = get(place, f"?q={typed}")
        assert answer.status_code == 200
        assert "There is no event of that number" in answer.content.decode()
    with tenant(place.id):
        newest = AuditEvent.objects.filter(environment_id=place.live_id).count()
    assert f"The newest one is {newest}." in answer.content.decode()


def test_filters_without_a_menu_are_shown_and_can_be_taken_back(place: Place) -> None:
    shown = get(place, "?target_id=abc&tag=group:created").context["also_set"]
    assert [(each["label"], each["value"], each["url"]) for each in shown] == [
        ("Object", "abc", "?tag=group%3Acreated")
    ]
    assert "narrowed by it" not in get(place, "?target_id=abc").content.decode()
    text = get(place, "?kind=access&target_id=abc&tag=group:created").content.decode()
    assert "A request has no action and no object." in text
    assert "A request has no action." in get(place, "?kind=access&q=group:created").content.decode()


def test_refused_events_are_looked_for_among_the_requests(place: Place) -> None:
    answer = get(place, "?outcome=refused")
    assert answer.context["events"] == []
    assert answer.context["refusals"] == "?outcome=refused&kind=access"


def test_acts_are_offered_by_what_was_typed_of_them(place: Place) -> None:
    assert "session:entered" in get(place, "?q=enter").context["meant"]
    assert get(place, "?q=zzz").context["meant"] == []
    assert get(place, "?kind=access&q=enter").context["meant"] == []


def test_days_are_those_of_the_person_and_today_is_called_so(place: Place) -> None:
    # One of these two has another day than UTC at any hour.
    zone = "Pacific/Kiritimati" if datetime.now(UTC).hour >= 11 else "Etc/GMT+12"
    place.owner.time_zone = zone
    place.owner.save()
    for query in ("", "?kind=access"):
        get(place)
        text = get(place, query).content.decode()
        today = datetime.now(ZoneInfo(zone))
        assert f"{today.day} {today:%B %Y}</time>" in text
        assert "Today, <time" in text


def test_a_second_view_of_the_same_name_is_not_kept(place: Place) -> None:
    client, address = sign_in(place.owner), f"/o/{place.slug}/live/audit/views"
    for query in ("kind=keys", "kind=people"):
        form = client.get(f"/o/{place.slug}/live/audit/?{query}").context["view_form"]
        once = form["once"].value()
        answer = client.post(address, {"name": "Mine", "query": query, "once": once})
        assert answer["Location"].endswith(query)
    shown = client.get(f"/o/{place.slug}/live/audit/")
    assert [view.query for view in shown.context["views"]] == ["kind=keys"]
    assert "You have a view called Mine already." in shown.content.decode()


class TestRequest:
    def line(self, place: Place) -> AccessEntry:
        get(place, "?q=claims")
        with tenant(place.id):
            return AccessEntry.objects.filter(environment_id=place.live_id).latest("pk")

    def test_it_waits_for_its_place_and_then_has_its_hash_and_its_proof(self, place: Place) -> None:
        line = self.line(place)
        address = f"requests/{line.pk}"
        text = get(place, address).content.decode()
        assert "This request has no place in the log yet" in text
        assert "q=claims" in text
        assert line.request_id in text
        with tenant(place.id):
            make_checkpoint(place.id, place.live_id, Log.ACCESS)
        answer = get(place, address)
        assert "Proved by the checkpoint over" in answer.content.decode()
        assert answer.context["hash_hex"] in answer.content.decode()
        proof = get(place, f"{address}/proof")
        assert json.loads(proof.content)["hash"] == answer.context["hash_hex"]
        assert f"audit/{address}" in get(place, "?kind=access").content.decode()

    @pytest.mark.django_db(transaction=True)
    def test_one_that_was_changed_is_shown_as_that(self, place: Place) -> None:
        line = self.line(place)
        with tenant(place.id):
            make_checkpoint(place.id, place.live_id, Log.ACCESS)
        behind_its_back(("UPDATE audit_accessentry SET status = 404 WHERE id = %s", (line.pk,)))
        assert "This request does not fit its hash" in get(place, f"requests/{line.pk}").content.decode()
        change = "UPDATE audit_accessentry SET detail = set_byte(detail, 40, 255 - get_byte(detail, 40)) WHERE id = %s"
        behind_its_back((change, (line.pk,)))
        assert "This request does not fit its hash" in get(place, f"requests/{line.pk}").content.decode()

    def test_there_is_none_of_another_place(self, place: Place) -> None:
        line, stranger = self.line(place), make_place()
        address = f"live/audit/requests/{line.pk}"
        assert sign_in(stranger.owner).get(f"/o/{stranger.slug}/{address}").status_code == 404
        assert sign_in(place.owner).get(f"/o/{place.slug}/test/audit/requests/{line.pk}").status_code == 404
        assert get(place, f"requests/{new_id()}").status_code == 404
        reader = make_member(place, Role.DEVELOPER)
        assert sign_in(reader).get(f"/o/{place.slug}/{address}").status_code == 403
