"""The explorer finds events by what people know of them, and says so in the log (AUD-1)."""

from datetime import timedelta
from urllib.parse import parse_qs, quote

import pytest

from audit.models import AccessEntry, AuditEvent
from audit.selectors import Filters
from audit.selectors.explorer import COUNTED, Search, choices, count_matches, search_events
from audit.tags import Tag
from evidence.actions import names, views
from evidence.actions.views import TooManyViews
from evidence.forms import tags_of
from evidence.models import Incident, NamesRead, SavedView, TrailName, TrailWord
from evidence.selectors import search
from evidence.selectors.search import find_names
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.ids import new_id
from tenants import actions
from tests.evidence.support import behind_its_back
from tests.factories import make_api_key, make_member, make_place, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    """With a few people and groups of telling names."""
    made = make_place()
    with tenant(made.id):
        for name in ("Claims reviewers", "Claims auditors", "Ünder­writing"):
            actions.create_group(actor=made.actor(), name=name)
        actions.create_service_account(actor=made.actor(), name="nightly-backup")
    read(made)
    return made


def read(place):
    with tenant(place.id):
        while names._read_page(place.id, place.live_id):
            pass


def found(place, before=None, limit=50, **asked):
    filters = Filters(**{name: asked.pop(name) for name in list(asked) if hasattr(Filters(), name) and name != "tags"})
    with tenant(place.id):
        return search_events(place.actor(), Search(filters=filters, **asked), before=before, limit=limit)


def page(place, query="", person=None):
    return sign_in(person or place.owner).get(f"/o/{place.slug}/live/audit/{query}")


class TestSearch:
    def test_each_filter_gives_what_reading_everything_gives(self, place):
        with tenant(place.id):
            everything = list(AuditEvent.objects.order_by("-at", "-index"))
        first = everything[0]
        for name in ("tag", "actor_id", "target_id", "ip", "request_id"):
            value = getattr(first, name)
            wanted = [event.index for event in everything if getattr(event, name) == value]
            assert [event.index for event in found(place, **{name: value})] == wanted, name
        middle = everything[len(everything) // 2].at
        assert {event.index for event in found(place, since=middle)} == {
            event.index for event in everything if event.at >= middle
        }
        assert {event.index for event in found(place, until=middle)} == {
            event.index for event in everything if event.at < middle
        }

    def test_a_kind_is_every_tag_of_its_nouns_newest_first(self, place):
        shown = found(place, tags=tags_of("people"))
        assert {event.tag.partition(":")[0] for event in shown} >= {"group"}
        assert [event.index for event in shown] == sorted((event.index for event in shown), reverse=True)

    def test_pages_follow_each_other_without_gap_or_repetition(self, place):
        whole = [event.index for event in found(place)]
        paged, before = [], None
        while rows := found(place, before=before, limit=2)[:2]:
            paged += [event.index for event in rows]
            before = paged[-1]
        assert paged == whole

    def test_it_counts_up_to_a_limit(self, place, monkeypatch):
        with tenant(place.id):
            everything = AuditEvent.objects.count()
            assert count_matches(place.actor(), Search()) == (everything, False)
            assert everything <= COUNTED
            monkeypatch.setattr("audit.selectors.explorer.COUNTED", 1)
            assert count_matches(place.actor(), Search()) == (1, True)

    def test_where_filters_meet_it_counts_among_the_newest(self, place, monkeypatch):
        actor = place.actor()
        with tenant(place.id):
            newest = AuditEvent.objects.latest("index")
        tags = (Tag(newest.tag),)
        both = Filters(actor_id=newest.actor_id, tag=newest.tag)
        named = (("actor", str(newest.actor_id)), ("target", newest.target_id))
        with tenant(place.id):
            theirs = AuditEvent.objects.filter(actor_id=newest.actor_id)
            expected = theirs.filter(tag=newest.tag).count()
            done = AuditEvent.objects.filter(target_id=newest.target_id, tag=newest.tag).count()
            assert expected < theirs.count()
            assert count_matches(actor, Search(filters=both)) == (expected, False)
            assert count_matches(actor, Search(filters=both, tags=tags)) == (expected, False)
            # What somebody did to themselves is counted for both.
            assert count_matches(actor, Search(named=named, tags=tags)) == (expected + done, False)
            monkeypatch.setattr("audit.selectors.explorer.SIFTED", 2)
            assert count_matches(actor, Search(filters=both)).more
            assert count_matches(actor, Search(named=named, tags=tags)).more
            assert count_matches(actor, Search(filters=both)).events <= 2

    def test_what_a_filter_offers_is_what_occurs(self, place):
        with tenant(place.id):
            assert choices(place.actor(), "tag") == sorted(set(AuditEvent.objects.values_list("tag", flat=True)))
            assert choices(place.actor(), "ip") == sorted(
                {str(ip) for ip in AuditEvent.objects.values_list("ip", flat=True) if ip}
            )
            with pytest.raises(ValueError, match="detail"):
                choices(place.actor(), "detail")

    def test_another_organization_has_none_of_it(self, place):
        stranger = make_place()
        index = found(place)[0].index
        assert not {event.id for event in found(stranger)} & {event.id for event in found(place)}
        assert page(place, f"?event={index}", stranger.owner).status_code == 404


class TestNames:
    @pytest.mark.parametrize(
        ("typed", "count"),
        [
            ("claims", 2),
            ("CLAIMS rev", 1),
            ("reviewers", 1),
            ("ni", 1),
            ("backup night", 1),
            ("x", 0),
            ("reviewersx", 0),
        ],
    )
    def test_names_are_found_by_the_beginnings_of_their_words(self, place, typed, count):
        with tenant(place.id):
            assert len({each for each in find_names(place.actor(), typed).found if each[0] == "target"}) == count

    def test_the_page_says_when_more_names_match_than_are_looked_at(self, place, monkeypatch):
        words = "More names match than are looked at"
        assert words not in page(place, "?q=claims").content.decode()
        monkeypatch.setattr(search, "LOOKED_AT_MOST", 2)
        assert words in page(place, "?q=claims").content.decode()
        assert words not in page(place, "?q=reviewers").content.decode()
        monkeypatch.setattr(search, "LOOKED_AT_MOST", 2000)
        monkeypatch.setattr(search, "FOUND_MOST", 1)
        assert words in page(place, "?q=claims").content.decode()

    @pytest.mark.django_db(transaction=True)
    def test_names_behind_an_altered_event_are_found_all_the_same_and_an_alarm_is_raised(self, place):
        with tenant(place.id):
            group = actions.create_group(actor=place.actor(), name="Trinket")
            altered = AuditEvent.objects.get(environment_id=place.live_id, target_id=str(group.id))
            later = actions.create_group(actor=place.actor(), name="Ledger")
        change = "UPDATE audit_auditevent SET detail = set_byte(detail, 40, 255 - get_byte(detail, 40)) WHERE id = %s"
        behind_its_back((change, (altered.id,)))
        read(place)
        with tenant(place.id):
            assert find_names(place.actor(), "trinket").found == ()
            assert find_names(place.actor(), "ledger").found == (("target", str(later.id)),)
            (incident,) = Incident.objects.all()
            assert (incident.kind, incident.found_size) == ("altered", altered.index)

    def test_a_name_read_twice_is_kept_once(self, place):
        with tenant(place.id):
            before = find_names(place.actor(), "claims")
            NamesRead.objects.update(index=0)
        read(place)
        with tenant(place.id):
            assert find_names(place.actor(), "claims") == before
            assert TrailName.objects.filter(kind="target", reference=before.found[0][1]).count() == 1

    def test_what_is_stored_tells_no_name(self, place):
        with tenant(place.id):
            tokens = [bytes(token) for token in TrailWord.objects.values_list("token", flat=True)]
        assert tokens
        assert {len(token) for token in tokens} == {16}
        stranger = make_place()
        with tenant(stranger.id):
            actions.create_group(actor=stranger.actor(), name="Claims reviewers")
        read(stranger)
        with tenant(stranger.id):
            theirs = {bytes(token) for token in TrailWord.objects.values_list("token", flat=True)}
        assert not theirs & set(tokens)


class TestPage:
    def test_one_field_takes_a_name_a_number_an_id_a_request_or_an_address(self, place):
        event = next(event for event in found(place) if event.tag == Tag.GROUP_CREATED)
        asked = {
            "claims": b"Claims reviewers",
            event.target_id: event.target_label.encode(),
            event.request_id: b"group:created",
            str(event.ip): b"group:created",
            "group:created": b"group:created",
        }
        for typed, shown in asked.items():
            answer = page(place, f"?q={quote(typed)}")
            assert answer.status_code == 200
            assert shown in answer.content, typed
        assert page(place, f"?q={event.index}").url == f"/o/{place.slug}/live/audit/{event.index}"
        assert b"Nobody and nothing here is called that" in page(place, "?q=zzz").content

    def test_a_search_is_in_the_log_and_sealed(self, place):
        page(place, "?q=claims&kind=people")
        with tenant(place.id):
            entry = AccessEntry.objects.latest("pk")
            assert entry.detail["search"] == "q=claims&kind=people"
        assert b"q=claims&amp;kind=people" in page(place, "?kind=access").content

    def test_of_a_search_what_is_personal_is_not_kept(self, place):
        card, phone = "4111+1111+1111+1111", "%2B1+555+867+5309"
        page(place, f"?q={card}&first={phone}&ines%40alderpeak.example=x&target_id=ines%40alderpeak.example")
        with tenant(place.id):
            kept = parse_qs(AccessEntry.objects.latest("pk").detail["search"])
        assert kept == {"q": ["[card]"], "first": ["[phone]"], "[email]": ["x"], "target_id": ["[email]"]}

    def test_the_log_says_which_event_was_looked_at(self, place):
        page(place, "3")
        with tenant(place.id):
            assert AccessEntry.objects.latest("pk").detail["index"] == "3"

    def test_a_search_by_a_program_is_in_the_log_too(self, place, client):
        secret = make_api_key(place)
        for log in ("events", "requests"):
            address = f"/v1/environments/{place.live_id}/audit/{log}?ip=192.0.2.7&limit=5"
            assert client.get(address, HTTP_AUTHORIZATION=f"Bearer {secret}").status_code == 200
            with tenant(place.id):
                assert AccessEntry.objects.latest("pk").detail["search"] == "ip=192.0.2.7"

    def test_requests_are_found_by_whose_they_are(self, place):
        other = make_member(place, Role.AUDITOR)
        page(place)
        page(place, person=other)
        shown = page(place, f"?kind=access&q={other.pk}").context["requests"]
        assert {entry.actor_id for entry in shown} == {other.pk}

    def test_days_that_end_before_they_begin_are_refused(self, place):
        assert page(place, "?first=2026-11-22&last=2026-11-21").status_code == 400
        today = now().date()
        assert page(place, f"?first={today}&last={today}").status_code == 200
        assert b"No event matches" in page(place, f"?last={today - timedelta(days=3)}").content

    def test_a_request_is_followed_through_both_logs(self, place):
        page(place, "?q=claims")
        with tenant(place.id):
            request_id = AccessEntry.objects.order_by("-pk").values_list("request_id", flat=True).first()
        assert b"Requests with this id" in page(place, f"?q={request_id}").content

    def test_an_event_stands_beside_the_list_or_alone(self, place):
        index = found(place)[0].index
        assert b'class="is-selected"' in page(place, f"?event={index}").content
        part = sign_in(place.owner).get(f"/o/{place.slug}/live/audit/{index}?part=1")
        assert b"<html" not in part.content
        assert b"Before and after" in part.content


class TestViews:
    def keep(self, place, name="Mine", **more):
        with tenant(place.id):
            return views.save_view(actor=place.actor(), name=name, query="kind=keys", **{"view_id": new_id()} | more)

    def test_a_search_is_kept_for_its_person_and_shown_by_name(self, place):
        view = self.keep(place, "Key changes")
        assert b"Key changes" in page(place).content
        other = make_member(place, Role.ADMIN)
        assert b"Key changes" not in page(place, person=other).content
        sign_in(other).post(f"/o/{place.slug}/live/audit/views/{view.id}/remove")
        assert b"Key changes" in page(place).content
        sign_in(place.owner).post(f"/o/{place.slug}/live/audit/views/{view.id}/remove")
        assert b"Key changes" not in page(place).content

    def test_sent_twice_it_is_kept_once_and_not_more_than_twenty(self, place):
        view_id = new_id()
        assert self.keep(place, view_id=view_id) == self.keep(place, view_id=view_id)
        for _ in range(19):
            self.keep(place)
        with pytest.raises(TooManyViews):
            self.keep(place)
        with tenant(place.id):
            assert SavedView.objects.count() == 20
