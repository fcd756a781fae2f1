"""A person's own pages of what happened to their account, and of where they are signed in."""

import re
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import recorder
from audit.models import PersonEvent
from audit.tags import PERSON_TOLD, PersonTag
from hq.authz.actor import Origin
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from tenants.models import Membership
from tenants.tasks import sweep
from tests.factories import make_member, make_person, make_place, sign_in
from tests.factors import PASSWORD, add_app, begin, clock, is_signed_in, with_password

__all__ = ["clock"]

pytestmark = pytest.mark.django_db(transaction=True)
PAGE, SESSIONS = "/me/activity", "/account/sessions/"
FIREFOX = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605 CriOS/138.0.72 Mobile Safari/604.1"


def text(answer):
    main = answer.content.decode().partition("<main")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", main))


def happen(person, tag, **more):
    origin = Origin(**{"ip": "203.0.113.9", "user_agent": FIREFOX, "request_id": "r"} | more)
    recorder.record_person(tag, person_id=person.pk, origin=origin)


class TestActivity:
    def test_each_kind_of_event_is_told_in_words(self):
        assert set(PERSON_TOLD) == set(PersonTag)
        person = make_person()
        client = sign_in(person)
        for tag in PersonTag:
            happen(person, tag)
        words = text(client.get(PAGE))
        for _, _, told in PERSON_TOLD.values():
            assert told in words
        assert not re.search(r"\b\w+:\w+ed\b", words)

    def test_a_line_has_time_address_and_device(self):
        person = make_person()
        client = sign_in(person)
        happen(person, PersonTag.PASSWORD_CHANGED)
        happen(person, PersonTag.FACTORS_RESET, ip=None, user_agent="")
        happen(person, PersonTag.SIGN_IN_FAILED, user_agent="<b>curl</b>/8")
        words = text(client.get(PAGE))
        assert re.search(r"Changed the password .{10,40} Firefox 140 on macOS 203\.0\.113\.9", words)
        assert re.search(r"taken away on the server .{10,40} The server –", words)
        assert re.search(r"A sign-in was refused .{10,40} Unknown device", words)
        assert b"<b>curl" not in client.get(PAGE).content

    def test_a_second_factor_is_named(self, clock):
        client = sign_in(make_person())
        add_app(client, clock)
        assert "Added a second factor (authenticator app)" in text(client.get(PAGE))

    def test_it_is_nobody_elses(self):
        mine, other = make_person(), make_person()
        happen(other, PersonTag.PASSWORD_CHANGED)
        assert "Changed the password" not in text(sign_in(mine).get(PAGE))
        assert Client().get(PAGE).status_code == 302

    def test_it_is_found_by_kind_and_paged_from_the_newest(self):
        person = make_person()
        client = sign_in(person)
        for number in range(120):
            happen(person, PersonTag.SIGN_OUT if number % 2 else PersonTag.RECOVERY_CODES_MADE)
        seen, page = [], PAGE + "?kind=sessions"
        while page:
            answer = client.get(page)
            seen += [line["event"].pk for line in answer.context["lines"]]
            page = PAGE + answer.context["older"] if answer.context["older"] else ""
        own = PersonEvent.objects.filter(person_id=person.pk, tag__in=["session:signed_out", "session:signed_in"])
        assert seen == list(own.order_by("-at").values_list("pk", flat=True))
        assert len(seen) == 61
        assert client.get(PAGE).content.count(b"<tr") == 51
        assert "Nothing of this kind" in text(client.get(PAGE + "?kind=password"))
        assert "Nothing of this kind" in text(client.get(PAGE + "?kind=x%00"))

    @pytest.mark.parametrize("cursor", ["x", "", "1", "%00"])
    def test_an_address_that_is_not_whole_says_so(self, cursor):
        assert sign_in(make_person()).get(f"{PAGE}?cursor={cursor}").status_code == 400

    def test_it_leads_to_the_trail_of_organizations_where_they_may_read_it(self):
        place, other = make_place("Alder"), make_place("Birch")
        person = make_member(place, Role.AUDITOR)
        with tenant(other.id):
            Membership.objects.create(organization_id=other.id, user=person, role=Role.ANALYST)
        client = sign_in(person)
        page = client.get(PAGE).content.decode()
        link = f"/o/{place.slug}/live/audit/?actor_id={person.pk}"
        assert link in page
        assert "Birch" not in text(client.get(PAGE))
        assert client.get(link).status_code == 200


class TestSessions:
    def came_by(self, client):
        (own,) = [one for one in client.get(SESSIONS).context["sessions"] if one.row.session_key == self.key(client)]
        return own.came_by

    def key(self, client):
        return client.get(SESSIONS).context["here"]

    def test_each_has_its_device_address_and_way_in(self, clock):
        person = with_password()
        here = begin(person, Client(headers={"User-Agent": FIREFOX}))
        begin(person, Client(headers={"User-Agent": PHONE}, REMOTE_ADDR="198.51.100.4")).get("/me/")
        words = text(here.get(SESSIONS))
        assert re.search(r"Firefox 140 on macOS 127\.0\.0\.1 Password .* This device", words)
        assert re.search(r"Chrome 138 on iPhone 198\.51\.100\.4 Password .* End", words)

    def test_a_way_in_is_told_as_it_was_not_as_it_was_shown_again(self, clock):
        person = with_password()
        client = begin(person)
        client.post("/account/reauthenticate/", {"password": PASSWORD})
        app = add_app(client, clock)
        assert self.came_by(client) == "Password"
        client = begin(person)
        client.post("/account/2fa/authenticate/", {"code": app.next_code()})
        assert self.came_by(client) == "Password and authenticator app"

    @pytest.mark.parametrize(
        ("record", "told"),
        [
            ([{"method": "mfa", "type": "webauthn", "passwordless": True}], "Passkey"),
            ([{"method": "password"}, {"method": "mfa", "type": "recovery_codes"}], "Password and recovery code"),
            ([{"method": "socialaccount", "provider": "google"}], "Google"),
            ([{"method": "something new"}], ""),
            ([], ""),
        ],
    )
    def test_every_way_in_has_words(self, record, told):
        client = sign_in(make_person())
        assert self.came_by(self.remember(client, account_authentication_methods=record)) == told
        assert self.came_by(self.remember(client, **{"hq.sso": {"x": {"mfa": True}}})).startswith("Single sign-on")

    def remember(self, client, **record):
        """As if the session had been begun in another way."""
        session = SessionStore(self.key(client))
        session.update(record)
        session.save()
        return client

    def test_one_is_ended_and_the_others_stay(self):
        person = make_person()
        here, there, third = (sign_in(person) for _ in range(3))
        for client in (here, there, third):
            client.get("/me/")
        row = UserSession.objects.get(session_key=self.key(there))
        assert here.post(SESSIONS, {"session": str(row.pk)}).status_code == 302
        assert [is_signed_in(client) for client in (here, there, third)] == [True, False, True]
        assert PersonEvent.objects.filter(person_id=person.pk, tag="session:ended").count() == 1

    def test_the_own_one_and_those_of_others_are_not_ended_here(self):
        person, stranger = make_person(), make_person()
        here, theirs = sign_in(person), sign_in(stranger)
        for client, key in ((here, self.key(here)), (theirs, self.key(theirs))):
            row = UserSession.objects.get(session_key=key)
            assert here.post(SESSIONS, {"session": str(row.pk)}).status_code == 404
            assert is_signed_in(client)
        assert here.post(SESSIONS, {"session": "x\x00"}).status_code == 404

    def test_what_has_ended_is_not_shown(self):
        person = with_password()
        here, there = begin(person), begin(person)
        assert len(here.get(SESSIONS).context["sessions"]) == 2
        Session.objects.filter(session_key=self.key(there)).update(expire_date=now())
        assert len(here.get(SESSIONS).context["sessions"]) == 1

    def test_what_belongs_to_a_former_password_is_not_shown(self):
        person = make_person()
        here, there = sign_in(person), sign_in(person)
        self.remember(there, **{HASH_SESSION_KEY: "of the former one"})
        assert Session.objects.count() == 2
        assert len(here.get(SESSIONS).context["sessions"]) == 1

    def test_many_are_listed_with_as_many_questions_as_one(self):
        person = make_person()
        here = sign_in(person)

        def asked():
            with CaptureQueriesContext(connection) as captured:
                assert here.get(SESSIONS).status_code == 200
            return len(captured)

        asked()
        few = asked()
        for _ in range(6):
            sign_in(person)
        assert asked() == few


def test_the_sweep_forgets_sessions_that_have_run_out_and_no_other():
    person = make_person()
    here, there, fresh = (sign_in(person) for _ in range(3))
    keys = [client.get(SESSIONS).context["here"] for client in (here, there, fresh)]
    Session.objects.filter(session_key=keys[0]).update(expire_date=now() - timedelta(seconds=1))
    Session.objects.filter(session_key__in=keys[1:2]).delete()
    UserSession.objects.filter(session_key__in=keys[:2]).update(last_seen_at=now() - timedelta(hours=2))
    gone = sign_in(person).get(SESSIONS).context["here"]
    Session.objects.filter(session_key=gone).delete()  # a moment ago: its line may be a session being made
    sweep()
    assert set(Session.objects.values_list("session_key", flat=True)) == {keys[2]}
    assert set(UserSession.objects.values_list("session_key", flat=True)) == {keys[2], gone}
    assert is_signed_in(fresh)
