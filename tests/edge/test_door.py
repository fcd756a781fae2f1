"""The door of what is protected: links that open once, passwords, cookies that only their host believes."""

from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

import pytest

from artifacts import actions
from artifacts.actions import Access, door, upkeep
from artifacts.models import Artifact, ArtifactLink, ArtifactVisit
from audit import selectors as trail
from audit.selectors import Filters
from edge import published
from hq.db.context import tenant
from hq.lib.clock import now
from jobs import actions as jobs
from tests.artifacts.conftest import PASSWORD, deploy, make_artifact
from tests.edge.asking import HOST, ask
from tests.factories import Place, run_jobs

AGENT = "Mozilla/5.0 Firefox/140.0"


def publish(place: Place, access: str) -> Artifact:
    made = make_artifact(place, access)
    deploy(place, made)
    return made


def link(place: Place, artifact: Artifact, seconds: int = 900) -> tuple[str, ArtifactLink]:
    """Its token, and its row."""
    with tenant(place.id):
        [made] = actions.create_links(
            actor=place.actor(), artifact_id=artifact.id, recipients=["Ada"], ttl_seconds=seconds
        )
    return made.token, made.link


def open_link(artifact: Artifact, token: str, **more: str):
    return ask(artifact.label, "/_hq/open", "POST", form={"t": token}, **more)


def enter(artifact: Artifact, password: str, **more):
    return ask(artifact.label, "/_hq/password", "POST", form={"password": password, "next": "/about"}, **more)


def visits(place: Place, artifact: Artifact) -> list[str]:
    with tenant(place.id):
        rows = ArtifactVisit.objects.filter(artifact_id=artifact.id).order_by("at", "pk")
        return [row.reason or row.kind for row in rows]


class TestALink:
    def test_is_looked_at_as_often_as_mail_scanners_like_and_opens_once(self, place: Place):
        site = publish(place, "link")
        token, _ = link(place, site)

        for _ in range(3):
            page = ask(site.label, "/_hq/open", query=f"t={token}", user_agent="scanner")
            assert (page.status, page.cookies) == (200, [])
            assert b"Olive Owner lets you see" in page.body
        opened = open_link(site, token, user_agent=AGENT)

        assert (opened.status, opened.headers["Location"]) == (303, "/")
        assert ask(site.label, cookie=opened.cookie).status == 200
        assert visits(place, site) == ["looked"] * 3 + ["opened"]
        assert open_link(site, token).status == 404
        assert visits(place, site)[-1] == "spent"

    def test_says_the_same_of_whatever_cannot_be_opened(self, place: Place):
        site, other = publish(place, "link"), publish(place, "link")
        spent, revoked, expired = (link(place, site) for _ in range(3))
        open_link(site, spent[0])
        with tenant(place.id):
            actions.revoke_link(actor=place.actor(), artifact_id=site.id, link_id=revoked[1].id)
            rows = ArtifactLink.objects.filter(pk=expired[1].pk)
            made = rows.get()
            made.delete()
            made.created_at, made.expires_at = now() - timedelta(days=1), now() - timedelta(hours=1)
            made.save(force_insert=True)
        elsewhere, _ = link(place, other)

        answers = [
            open_link(site, token) for token in (spent[0], revoked[0], expired[0], elsewhere, "hqa_x", "", "é")
        ] + [ask(site.label, "/_hq/open", query=f"t={spent[0]}")]

        assert {(one.status, one.body, tuple(one.cookies)) for one in answers} == {(404, answers[0].body, ())}
        assert visits(place, site)[-8:] == ["spent", "revoked", "expired", *["unknown"] * 4, "spent"]
        assert open_link(other, elsewhere).status == 303

    def test_is_opened_by_a_form_of_its_own_host_only(self, place: Place):
        site = publish(place, "link")
        token, _ = link(place, site)

        for more in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
            assert open_link(site, token, **more).status == 403
        assert ask(site.label, "/_hq/open", "POST", query=f"t={token}").status == 404
        assert open_link(site, token, origin=f"http://{site.label}.{HOST}", sec_fetch_site="same-origin").status == 303

    def test_that_is_revoked_ends_the_cookie_that_came_of_it_and_none_of_another_second(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ):
        site = publish(place, "link")
        (first, row), (second, _) = link(place, site), link(place, site)
        one = open_link(site, first).cookie
        with monkeypatch.context() as later:
            later.setattr(door, "now", lambda: now() + timedelta(seconds=1))
            two = open_link(site, second).cookie

        with tenant(place.id):
            actions.revoke_link(actor=place.actor(), artifact_id=site.id, link_id=row.id)
        published.SITES.forget()

        assert (ask(site.label, cookie=one).status, ask(site.label, cookie=two).status) == (403, 200)

    def test_is_limited_by_address_and_by_link(self, place: Place, monkeypatch: pytest.MonkeyPatch):
        site = publish(place, "link")
        token, _ = link(place, site)
        monkeypatch.setattr(door, "OPENINGS_OF_ADDRESS", (3, 60))
        ip = f"fd00:{uuid4().hex[:4]}:{uuid4().hex[:4]}::7"

        assert [open_link(site, "hqa_guess" + str(n), ip=ip).status for n in range(4)] == [404] * 3 + [429]
        monkeypatch.setattr(door, "OPENINGS_OF_LINK", (2, 60))
        assert [ask(site.label, "/_hq/open", query=f"t={token}").status for _ in range(3)] == [200, 200, 429]

    def test_is_told_to_the_trail_once(self, place: Place):
        site = publish(place, "link")
        token, _ = link(place, site)
        open_link(site, token, user_agent=AGENT, ip="198.51.100.9")

        for _ in range(2):
            with tenant(place.id):
                jobs.enqueue("artifacts.look_after", organization_id=place.id, payload={})
            run_jobs()

        with tenant(place.id):
            found = trail.list_events(place.actor(), Filters(tag="artifact_link:opened"), before=None, limit=5)
            assert [(event.ip, event.actor_kind) for event in found] == [("198.51.100.9", "link")]

    def test_and_its_visits_go_a_while_after_its_end(self, place: Place):
        site = publish(place, "link")
        open_link(site, link(place, site)[0])
        with tenant(place.id):
            assert upkeep.count_links(place.id, now() + timedelta(days=1)) == 0  # the trail does not know of it yet
            jobs.enqueue("artifacts.look_after", organization_id=place.id, payload={})
        run_jobs()
        with tenant(place.id):
            assert upkeep.remove_links(place.id, now() + timedelta(days=1)) == 1
            assert not ArtifactVisit.objects.exists()


class TestAPassword:
    def test_lets_in_and_leads_on(self, place: Place):
        site = publish(place, "password")
        shut = ask(site.label, "/about")
        assert (shut.status, shut.headers["Cache-Control"]) == (403, "no-store")
        assert b"asks for a password" in shut.body
        assert b"<h1>About</h1>" not in shut.body

        entered = enter(site, PASSWORD)

        assert (entered.status, entered.headers["Location"]) == (303, "/about")
        served = ask(site.label, "/about", cookie=entered.cookie)
        assert (served.status, served.headers["Cache-Control"]) == (200, "private, no-cache")
        assert visits(place, site) == ["entered"]

    def test_that_is_wrong_is_said_so_and_kept(self, place: Place):
        site = publish(place, "password")
        wrong = enter(site, "wrong")

        assert (wrong.status, wrong.cookies) == (403, [])
        assert b"This is not the password." in wrong.body
        assert visits(place, site) == ["password"]

    def test_is_not_tried_on_and_on(self, place: Place, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(door, "PASSWORDS_OF_ADDRESS", (2, 300))
        site = publish(place, "password")
        answers = [enter(site, "wrong", ip="192.0.2.77") for _ in range(3)]

        assert [one.status for one in answers] == [403, 403, 429]
        assert b"Too many wrong passwords were tried here. Wait" in answers[2].body
        assert int(answers[2].headers["Retry-After"]) <= 301
        assert enter(site, PASSWORD, ip="192.0.2.77").status == 429
        assert enter(site, PASSWORD).status == 303

    @pytest.mark.parametrize(
        "where", ["//evil.example", "https://evil.example", "/\\evil.example", "/_hq/password", "x"]
    )
    def test_leads_nowhere_else(self, place: Place, where: str):
        site = publish(place, "password")
        got = ask(site.label, "/_hq/password", "POST", form={"password": PASSWORD, "next": where})
        assert (got.status, got.headers["Location"]) == (303, "/")

    def test_that_is_changed_ends_every_cookie(self, place: Place):
        site = publish(place, "password")
        cookie = enter(site, PASSWORD).cookie
        with tenant(place.id):
            actions.change_artifact(actor=place.actor(), artifact_id=site.id, access=Access("password", "another one"))
        published.SITES.forget()

        assert ask(site.label, cookie=cookie).status == 403
        assert enter(site, PASSWORD).status == 403
        assert enter(site, "another one").status == 303

    def test_is_kept_as_argon2id(self, place: Place):
        site = publish(place, "password")
        assert site.password.startswith("$argon2id$")


def test_an_open_artifact_has_no_door(place: Place):
    site = publish(place, "open")
    assert ask(site.label).status == 200
    assert {ask(site.label, path).status for path in ("/_hq/open", "/_hq/password", "/_hq/x")} == {404}


def test_a_protected_one_says_how_to_come_in(place: Place):
    shut = ask(publish(place, "link").label)
    assert (shut.status, b"This page opens by a link" in shut.body) == (403, True)
    assert "default-src 'none'" in shut.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/caf\u00e9.html", "/a b/100%.html", "/what?.html"])
def test_the_password_leads_on_to_the_page_that_was_asked_for(place: Place, path: str):
    site = make_artifact(place, "password")
    deploy(place, site, {path[1:].replace("?", "_"): b"here", "index.html": b"first"})
    asked = path.encode().decode("latin-1")  # as servers give it

    page = ask(site.label, asked)
    assert f'value="{path}"'.encode() in page.body
    let_in = ask(site.label, "/_hq/password", "POST", form={"password": PASSWORD, "next": path})
    assert let_in.headers["Location"] == quote(path)


@pytest.mark.parametrize("word", ["preview", "previews", "preview-q3"])
def test_no_word_that_begins_an_address_is_taken_for_a_host_of_ours(place: Place, word: str):
    with tenant(place.id):
        site = actions.create_artifact(actor=place.actor(), name="Q3", access=Access("open"), address=word)
    deploy(place, site, {"index.html": b"here"})
    assert ask(site.label).body == b"here"
