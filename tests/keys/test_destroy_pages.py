"""Destroying keys on their pages: two people, a fresh sign-in, and a page that stands when nothing else opens."""

import json
import re
from datetime import timedelta

import pytest

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from keys import actions, rings
from keys.models import Destruction, Statement
from tests.factories import make_member, make_place, run_jobs, sign_in
from tests.keys.pages import World, has, text_of
from tests.keys.support import rotate
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return World()


class TestDestroying:
    FORM = {"days": "30", "reason": "We leave"}

    def test_the_page_lists_what_is_lost(self, world):
        actions.count_held(world.place.id)
        has(world.page(f"{world.cmk.id}/destroy"), "File contents", "Audit events", "Ask to erase Alder Peak")

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"confirm": "alder-peek"}, "as it stands there. Nothing was changed."),
            ({"days": "6"}, "Enter 7 to 30 days."),
            ({"days": "31"}, "Enter 7 to 30 days."),
            ({"reason": " "}, "This field is required."),
        ],
    )
    def test_it_asks_for_the_name_the_days_and_a_reason(self, world, change, sentence):
        form = {**self.FORM, "confirm": world.place.slug, **change}
        answer = world.post(f"{world.cmk.id}/destroy", **form)
        assert answer.status_code == 400
        has(text_of(answer), sentence)
        with tenant(world.place.id):
            assert not Destruction.objects.exists()

    def test_asking_changes_nothing_and_shows_who_has_to_decide(self, world):
        world.post(f"{world.cmk.id}/destroy", confirm=world.place.slug, **self.FORM)
        assert world.wish().state == Destruction.State.REQUESTED
        has(world.page(), "Olive Owner asks to destroy every key of Alder Peak", "It needs a second person")
        own = world.page(f"destructions/{world.wish().id}")
        has(own, "You asked for this,", "Take it back", "We leave")
        assert not re.search(r"\bAgree\b", own.replace("Agreed", ""))

    def test_sent_twice_it_is_asked_once(self, world):
        for _ in range(2):
            sent = world.post(f"{world.cmk.id}/destroy", confirm=world.place.slug, **self.FORM)
            assert sent.status_code == 302
        has(world.page(), "was asked for already")

    def test_a_second_person_agrees_by_typing_the_name(self, world):
        wish, client = world.ask(), sign_in(world.second)
        has(world.page(f"destructions/{wish.id}", client), "Agree, and begin the wait", "Refuse")
        assert world.post(f"destructions/{wish.id}", client, confirm="yes").status_code == 400
        assert world.wish().state == Destruction.State.REQUESTED
        assert world.post(f"destructions/{wish.id}", client, confirm=world.place.slug).status_code == 302
        assert world.wish().state == Destruction.State.SCHEDULED

    def test_the_one_who_asked_cannot_agree(self, world):
        wish = world.ask()
        assert world.post(f"destructions/{wish.id}", confirm=world.place.slug).status_code == 403
        assert world.wish().state == Destruction.State.REQUESTED

    def test_while_it_waits_the_page_stands_and_cancels_for_a_session_that_is_new(self, world):
        rotate(world.place)
        world.ask()
        world.agree()
        for person in (world.place.owner, world.second):
            page = world.page(client=sign_in(person))
            has(
                page,
                "Destruction scheduled",
                "Every key of Alder Peak is destroyed on",
                "in 29 days",
                "Not readable now",
            )
            has(page, "Tomasz Wrona agreed", "Cancel the destruction", "Version 2")
        has(world.page(f"destructions/{world.wish().id}"), "Scheduled", "Cancel the destruction")
        world.post(f"destructions/{world.wish().id}/cancel")
        has(world.page(), "Cancelled. Everything is as before.", "In use")
        assert vault.open_object(actor=world.place.actor(), path="a/b")
        world.post(f"destructions/{world.wish().id}/cancel")
        has(world.page(), "decided already")

    def test_what_else_is_opened_meanwhile_says_why_it_cannot_be(self, world):
        world.ask()
        world.agree()
        for person, link in ((world.second, True), (make_member(world.place, Role.DEVELOPER), False)):
            answer = sign_in(person).get(f"/o/{world.place.slug}/live/files/objects/a/b")
            assert answer.status_code == 503
            has(text_of(answer), "This organization's key is scheduled for deletion on")
            assert ("Go to the encryption keys" in text_of(answer)) is link

    def test_afterwards_the_page_stands_with_the_certificate(self, world, monkeypatch):
        rotate(world.place)
        world.ask()
        world.agree()
        over(world, monkeypatch)
        page = world.page(client=sign_in(world.place.owner))
        has(
            page,
            "Destroyed",
            "The keys of Alder Peak were destroyed",
            "Deletion certificate",
            "are unreadable for good",
        )
        for verb in ("Rotate now", "Erase the organization’s keys", "Bring your own key"):
            assert verb not in page
        wish = world.wish()
        has(world.page(f"destructions/{wish.id}"), "What became unreadable", "Deletion certificate")
        has(
            world.page(f"statements/{wish.statement_id}/check"),
            "What became unreadable",
            "bin/verify deletion-certificate-",
        )
        file = world.client.get(world.url(f"statements/{wish.statement_id}")).content
        assert json.loads(file)["statement"]["type"] == "hq/deletion-certificate"

    def test_another_organizations_is_not_there(self, world):
        other = World.__new__(World)
        other.place = make_place()
        other.client = sign_in(other.place.owner)
        wish = world.ask()
        for rest in (f"destructions/{wish.id}", f"{world.cmk.id}/destroy"):
            other.page(rest, status=404)
        assert other.post(f"destructions/{wish.id}/cancel").status_code == 404
        assert other.post(f"destructions/{wish.id}", confirm=other.place.slug).status_code == 404


def over(world: World, monkeypatch) -> None:
    """The day has come: as the key store sees it, and as the sweep does."""
    from keys.actions import upkeep
    from keys.providers import embedded

    later = now() + timedelta(days=31)
    monkeypatch.setattr(embedded, "now", lambda: later)
    monkeypatch.setattr(embedded.EmbeddedProvider.__init__, "__kwdefaults__", {"clock": lambda: later})
    monkeypatch.setattr("keys.actions.destruction_end.now", lambda: later)
    monkeypatch.setattr(upkeep, "now", lambda: later)
    keeper = embedded.EmbeddedProvider.from_settings()
    with keeper._store.lock():
        keeper._store.see(later, keeper._root())  # as HQ does every ten minutes
    with tenant(world.place.id):
        Destruction.objects.update(looked_at=later)  # and every hour
    upkeep.find_work()
    run_jobs()
    monkeypatch.undo()
    rings.forget()
    assert world.wish().state == Destruction.State.DONE
    with tenant(world.place.id):
        assert Statement.objects.filter(kind="deletion").count() == 1


class TestAFreshSignIn:
    """Destroying asks for a password that was typed, or a session that began, in the last five minutes."""

    def test_who_has_a_password_types_it_again_first(self, world):
        owner = world.place.owner
        owner.set_password("correct horse battery staple")
        owner.save()
        client = sign_in(owner)
        address = f"{world.cmk.id}/destroy"
        has(world.page(address, client), "Confirm that it is you first.")
        form = {"days": "30", "reason": "We leave", "confirm": world.place.slug}
        answer = world.post(address, client, **form)
        assert answer.status_code == 302
        way = f"/account/reauthenticate/?next=%2Fo%2F{world.place.slug}%2Flive%2Fkeys%2F{world.cmk.id}%2Fdestroy"
        assert answer["Location"] == way
        with tenant(world.place.id):
            assert not Destruction.objects.exists()
        back = client.post(way, {"password": "correct horse battery staple"})
        assert back["Location"] == world.url(address)
        has(world.page(address, client), "Ask to erase Alder Peak")
        assert world.post(address, client, **form)["Location"] == world.url()
        assert world.wish().state == Destruction.State.REQUESTED

    def test_agreeing_asks_for_it_too(self, world):
        wish = world.ask()
        world.second.set_password("correct horse battery staple")
        world.second.save()
        client = sign_in(world.second)
        has(world.page(f"destructions/{wish.id}", client), "Confirm that it is you first.")
        answer = world.post(f"destructions/{wish.id}", client, confirm=world.place.slug)
        assert answer["Location"].startswith("/account/reauthenticate/")
        assert world.wish().state == Destruction.State.REQUESTED

    def test_who_has_no_password_signs_in_again(self, world):
        from allauth.usersessions.models import UserSession

        world.page()
        UserSession.objects.update(created_at=now() - timedelta(minutes=6))
        has(world.page(f"{world.cmk.id}/destroy"), "This asks for a fresh sign-in.")
        answer = world.post(f"{world.cmk.id}/destroy", days="30", reason="x", confirm=world.place.slug)
        assert answer.status_code == 403
        has(text_of(answer), "Sign out, sign in again, and come back within five minutes.")
