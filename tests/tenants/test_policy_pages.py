"""The pages of a policy: a change is reviewed, says by name whom it touches, and what was reviewed is saved (ACC-5)."""

import re
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hq.authz.levels import Level
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from tenants import actions, registry
from tenants.models import Membership, Organization
from tests.factories import make_member, make_place, sign_in
from tests.factors import PASSWORD, add_app, clock, confirm

__all__ = ["clock"]

pytestmark = pytest.mark.django_db(transaction=True)
FORM = {"mfa_factors": ["totp", "webauthn"], "reach": "roles", "support_by": "organization"}


@pytest.fixture
def client(place):
    return sign_in(place.owner)


def page(place, part="change"):
    return f"/o/{place.slug}/live/policy/{part}"


def text(answer):
    """The page's words, without the frame around them."""
    main = answer.content.decode().partition("<main")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", main))


def review(client, place, **wanted):
    return client.post(page(place), FORM | wanted)


def reviewed(answer):
    found = re.search(r'name="reviewed" value="([^"]+)"', answer.content.decode())
    assert found, answer.content
    return found[1]


def save(client, place, **wanted):
    return client.post(page(place), {"reviewed": reviewed(review(client, place, **wanted))})


def saved(place):
    with tenant(place.id):
        return Organization.objects.get(pk=place.id)


class TestSaving:
    def test_a_change_is_reviewed_and_then_saved(self, client, place):
        shown = review(client, place, idle_minutes="30", networks="127.0.0.0/8\n\n127.0.0.1\n127.0.0.0/8\n")
        assert "After 12 hours After: After 30 minutes" in text(shown)
        assert saved(place).idle_minutes is None
        answer = client.post(page(place), {"reviewed": reviewed(shown)})
        assert (answer.status_code, answer["Location"]) == (302, page(place, ""))
        assert (saved(place).idle_minutes, saved(place).networks) == (30, ["127.0.0.0/8", "127.0.0.1/32"])
        assert "After 30 minutes" in text(client.get(page(place, "")))

    def test_nothing_else_than_what_was_reviewed_is_saved(self, client, place):
        draft = reviewed(review(client, place, idle_minutes="30"))
        for forged in (draft[:-2] + "xx", draft.replace(":", "", 1), "", "x"):
            assert client.post(page(place), {"reviewed": forged, **FORM}).status_code == 403
        assert client.post(page(place), {"reviewed": draft, "idle_minutes": "5", **FORM}).status_code == 302
        assert saved(place).idle_minutes == 30

    def test_a_review_is_of_one_person_in_one_organization(self, client, place):
        draft = reviewed(review(client, place, idle_minutes="30"))
        other = make_place(owner=place.owner)
        assert client.post(page(other), {"reviewed": draft}).status_code == 403
        admin = sign_in(make_member(place, Role.ADMIN))
        assert admin.post(page(place), {"reviewed": draft}).status_code == 403
        assert saved(place).idle_minutes is None

    def test_a_review_lapses(self, client, place, monkeypatch):
        draft = reviewed(review(client, place, idle_minutes="30"))
        monkeypatch.setattr("tenants.views.policy._HOUR", -1)
        assert client.post(page(place), {"reviewed": draft}).status_code == 403

    def test_what_changed_meanwhile_is_shown_again_and_not_saved(self, client, place):
        draft = reviewed(review(client, place, idle_minutes="30"))
        assert save(client, place, lifetime_minutes="60").status_code == 302
        late = client.post(page(place), {"reviewed": draft})
        assert late.status_code == 409
        assert "was changed after this was reviewed" in text(late)
        assert (saved(place).idle_minutes, saved(place).lifetime_minutes) == (None, 60)
        assert client.post(page(place), {"reviewed": reviewed(late)}).status_code == 302
        assert (saved(place).idle_minutes, saved(place).lifetime_minutes) == (30, None)

    def test_who_has_not_shown_lately_that_it_is_they_is_asked_and_comes_back_to_the_review(self, client, place):
        draft = reviewed(review(client, place, idle_minutes="30"))
        place.owner.set_password(PASSWORD)
        place.owner.save()
        client = sign_in(place.owner)
        asked = client.post(page(place), {"reviewed": draft})
        assert asked["Location"].startswith("/account/reauthenticate/?next=")
        assert saved(place).idle_minutes is None
        elsewhere = make_place(owner=place.owner)
        assert "Nothing is saved yet: the next page" in text(client.get(page(elsewhere)))
        client.post(page(place), {"reviewed": draft})
        confirm(client)
        back = client.get(page(place))
        assert "After: After 30 minutes" in text(back)
        assert client.post(page(place), {"reviewed": reviewed(back)}).status_code == 302
        assert saved(place).idle_minutes == 30
        assert "Review" in text(client.get(page(place)))  # the form again: what was kept is used up

    def test_an_old_session_of_somebody_without_password_and_factor_does_not_save(self, client, place):
        draft = reviewed(review(client, place, idle_minutes="30"))
        UserSession.objects.update(created_at=now() - timedelta(minutes=6))
        assert client.post(page(place), {"reviewed": draft}).status_code == 403
        assert saved(place).idle_minutes is None


WRONG: list[tuple[dict[str, str | list[str]], str]] = [
    ({"networks": "home"}, "“home” is none"),
    ({"networks": "198.51.100.0/24"}, "127.0.0.1 now"),
    ({"networks": "\n".join(f"127.0.0.{number}" for number in range(51))}, "There are 51"),
    ({"email_domains": "exa mple.com"}, "“exa mple.com” is none"),
    ({"email_domains": "elsewhere.example"}, "is at none of these domains"),
    ({"mfa_required": "on"}, "You have no second factor that counts yourself"),
    ({"mfa_factors": []}, "At least one kind has to count"),
    ({"idle_minutes": "3"}, "Between 5 minutes and 12 hours"),
    ({"lifetime_minutes": "forever"}, "whole number"),
]


def test_what_is_wrong_stands_at_its_field(client, place):
    for wanted, said in WRONG:
        answer = review(client, place, **wanted)
        assert (answer.status_code, said in text(answer)) == (400, True), wanted
        assert f'href="#id_{next(iter(wanted))}' in answer.content.decode(), wanted
        assert 'name="reviewed"' not in answer.content.decode()
    typed = review(client, place, networks="127.0.0.0/8\nhome", idle_minutes="30").content.decode()
    assert "127.0.0.0/8\nhome</textarea>" in typed
    assert 'value="30"' in typed


def test_single_sign_on_is_offered_only_where_it_is_there_or_has_to_be_taken_away(client, place, monkeypatch):
    assert "once a connection is set up" in text(client.get(page(place)))
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(sso_required=True, break_glass_id=place.owner.pk)
    assert "single sign-on only" in text(client.get(page(place)))
    assert save(client, place).status_code == 302
    assert (saved(place).sso_required, saved(place).break_glass_id) == (False, None)
    monkeypatch.setattr(registry, "_addresses", [lambda _: "/sso/start"])
    assert "single sign-on only" in text(client.get(page(place)))


def test_an_auditor_reads_it_and_changes_nothing(place):
    auditor = sign_in(make_member(place, Role.AUDITOR))
    shown = auditor.get(page(place, ""))
    assert "Not required" in text(shown)
    assert page(place) not in shown.content.decode()
    assert auditor.get(page(place)).status_code == 403
    assert review(auditor, place).status_code == 403


class TestWhomItTouches:
    """Ada is touched by each change and Bo by none."""

    @pytest.fixture
    def people(self, place):
        return (
            make_member(place, Role.DEVELOPER, "ada@elsewhere.example", "Ada Touched"),
            make_member(place, Role.ANALYST, "bo@example.com", "Bo Untouched"),
        )

    def told(self, answer):
        assert answer.status_code == 200, answer.content
        words = text(answer)
        assert "Bo Untouched" not in words
        return words

    def test_who_has_no_factor_that_counts(self, client, place, people, clock):
        add_app(sign_in(people[1]), clock)
        add_app(client, clock)
        words = self.told(review(client, place, mfa_required="on"))
        assert "1 member has no second factor that counts" in words
        assert "Ada Touched ada@elsewhere.example developer" in words

    def test_who_has_an_address_elsewhere(self, client, place, people):
        words = self.told(review(client, place, email_domains="Example.com"))
        assert "1 member has an address at another domain" in words
        assert "Ada Touched" in words

    def test_whose_session_is_elsewhere_or_old(self, client, place, people):
        for person in people:
            sign_in(person).get("/me/")
        own = UserSession.objects.filter(user=people[0])
        own.update(ip="198.51.100.9")
        words = self.told(review(client, place, networks="127.0.0.0/8"))
        assert "1 open session was last used from elsewhere" in words
        assert "Ada Touched ada@elsewhere.example 198.51.100.9" in words
        own.update(created_at=now() - timedelta(minutes=61))
        assert "1 open session is older" in self.told(review(client, place, lifetime_minutes="60"))
        own.update(created_at=now(), last_seen_at=now() - timedelta(minutes=11))
        assert "1 open session is older" in self.told(review(client, place, idle_minutes="10"))
        Session.objects.filter(session_key__in=own.values("session_key")).update(expire_date=now())
        assert "0 open sessions" in self.told(review(client, place, idle_minutes="10"))

    def test_who_never_came_by_single_sign_on(self, client, place, people, monkeypatch):
        place.owner.set_password(PASSWORD)
        place.owner.save()
        client = sign_in(place.owner)
        monkeypatch.setattr(registry, "_addresses", [lambda _: "/sso/start"])
        monkeypatch.setattr(registry, "_people", [lambda asked: frozenset({people[1].pk} if asked == place.id else ())])
        words = self.told(review(client, place, sso_required="on", break_glass_id=str(place.owner.pk)))
        assert "1 member never came in by single sign-on" in words
        assert f"Required, except for {place.owner.label}" in words
        monkeypatch.setattr(registry, "_people", [])
        assert "2 members never" in text(review(client, place, sso_required="on", break_glass_id=str(place.owner.pk)))

    def test_who_loses_files(self, client, place, people):
        make_member(place, Role.AUDITOR, name="Cy Reads None")
        with tenant(place.id):
            bo = Membership.objects.get(user=people[1])
            actions.give_access(actor=place.actor(), prefix="a/", level=Level.READ, membership_id=bo.id)
        words = self.told(review(client, place, reach="rules"))
        assert "1 member sees no file any more" in words
        assert "Ada Touched" in words
        with tenant(place.id):
            group = actions.create_group(actor=place.actor(), name="All")
            ada = Membership.objects.get(user=people[0])
            actions.put_in_group(actor=place.actor(), group_id=group.id, membership_ids=[ada.id])
            actions.give_access(actor=place.actor(), prefix="b/", level=Level.READ, group_id=group.id)
        assert "0 members see no file any more" in self.told(review(client, place, reach="rules"))

    def test_people_of_other_organizations_are_not_named(self, client, place, people, clock):
        other = make_place()
        make_member(other, Role.DEVELOPER, "eve@far.example", "Eve Elsewhere")
        sign_in(other.owner).get("/me/")
        add_app(client, clock)
        UserSession.objects.update(last_seen_at=now() - timedelta(minutes=10))
        everything = {"mfa_required": "on", "email_domains": "example.com", "idle_minutes": "5", "reach": "rules"}
        words = text(review(client, place, networks="127.0.0.1", **everything))
        assert "Ada Touched" in words
        assert "Eve Elsewhere" not in words
        assert other.owner.email not in words

    def test_many_are_counted_and_the_first_fifty_named_with_as_many_questions_as_for_few(self, client, place, people):
        def asked():
            with CaptureQueriesContext(connection) as captured:
                answer = review(client, place, email_domains="example.com", reach="rules", idle_minutes="5")
            return len(captured), text(answer)

        asked()
        few, _ = asked()
        for number in range(52):
            make_member(place, Role.DEVELOPER, f"m{number:02}@elsewhere.example", f"Member {number:02}")
        many, words = asked()
        assert many <= few
        assert "53 members have an address at another domain" in words
        assert "The first 50 of 53." in words
        assert words.count("m47@elsewhere.example") == 2  # by address, and by files
        assert "m49@elsewhere.example" not in words
