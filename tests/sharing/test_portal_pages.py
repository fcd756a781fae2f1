"""The sharer's pages: list, new link, copy once, life, revoke."""

import re
from datetime import timedelta
from typing import Any

import pytest

from hq.authz.roles import Role
from hq.db.context import tenant
from sharing import actions
from sharing.models import ShareLink
from tests.factories import make_member, make_place, sign_in
from tests.sharing.conftest import FILES, RECIPIENT, SCANNER, link_of, share

# A refused request undoes the transaction that it is in; here that must be its own.
pytestmark = pytest.mark.django_db(transaction=True)


class Portal:
    """A signed-in member of a place."""

    def __init__(self, place, person=None, environment="live"):
        self.client = sign_in(person or place.owner)
        self.base = f"/o/{place.slug}/{environment}/shares/"

    def get(self, page="", **query):
        return self.client.get(self.base + page, query)

    def post(self, page, **data):
        return self.client.post(self.base + page, data)

    def form(self, *paths, **data):
        """The form as its page gives it, filled in."""
        page = self.get("new", path=list(paths)).content.decode()
        once = re.search(r'name="once" value="([^"]+)"', page)
        assert once
        return {"path": list(paths), "permission": "read", "life": "900", "once": once[1]} | data


@pytest.fixture
def portal(place):
    return Portal(place)


def count_links(place):
    with tenant(place.id):
        return ShareLink.objects.count()


def text(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_the_list_is_empty_at_first_and_says_what_will_be_there(portal):
    page = portal.get()
    assert page.status_code == 200
    assert "No share links yet" in text(page)


def test_the_list_shows_each_link_with_its_state_and_the_filter_stands_in_the_address(portal, place):
    share(place, purpose="Waiting one")
    opened = share(place, purpose="Opened one")
    actions.redeem_share(token=opened.token, origin=RECIPIENT)
    both = text(portal.get())
    assert "Waiting one" in both
    assert "Opened one" in both
    assert "Opened, in use" in both
    assert RECIPIENT.ip in both
    filtered = text(portal.get(state="in_use"))
    assert "Opened one" in filtered
    assert "Waiting one" not in filtered
    assert "No link is in this state" in text(portal.get(state="revoked"))
    assert portal.get(state="x").status_code == 400


def test_the_list_is_paged(portal, place, monkeypatch):
    monkeypatch.setattr("sharing.views.portal.PAGE", 2)
    for number in range(3):
        share(place, purpose=f"Number {number}")
    first = portal.get()
    older = re.search(r'href="([^"]+cursor=[^"]+)"', first.content.decode())
    assert older
    assert "Number 0" not in text(first)
    assert "Number 0" in text(portal.client.get(older[1].replace("&amp;", "&")))
    assert portal.get(cursor="x").status_code == 400


def test_the_new_page_shows_the_chosen_files_with_sizes_and_a_way_to_leave_one_out(portal):
    page = portal.get("new", path=list(FILES))
    words = text(page)
    assert "Share 2 files" in words
    assert "19 bytes" in words
    assert 'aria-label="Remove claims/method.md"' in page.content.decode()
    assert f'href="{portal.base}new?path=claims%2Fregister.csv&amp;"' in page.content.decode()


def test_the_new_page_without_files_leads_to_them_and_makes_nothing(portal, place):
    assert "No file is chosen" in text(portal.get("new"))
    answer = portal.post("new", **portal.form())
    assert answer.status_code == 400
    assert count_links(place) == 0


def test_it_shows_the_link_once_and_keeps_only_a_hash(portal, place):
    page = portal.post("new", **portal.form(*FILES, purpose="Q3 claims"))
    assert page.status_code == 200
    url = re.search(r"http://[^<\"]+/s/hqs_[A-Za-z0-9_-]+", page.content.decode())
    assert url
    assert "Shown once. HQ keeps only a hash of the link" in text(page)
    assert page["Cache-Control"] == "no-store"
    with tenant(place.id):
        link = ShareLink.objects.get()
    assert url[0] not in portal.get(str(link.id)).content.decode() + portal.get().content.decode()
    token = url[0].rpartition("/")[2]
    assert actions.redeem_share(token=token, origin=RECIPIENT).paths == tuple(FILES)


def test_a_double_post_makes_one_link(portal, place):
    form = portal.form(*FILES)
    assert portal.post("new", **form).status_code == 200
    again = portal.post("new", **form)
    assert again.status_code == 400
    assert "sent twice" in text(again)
    assert "hqs_" not in again.content.decode()
    assert count_links(place) == 1


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        ({"life": "3600"}, 3600),
        ({"life": "604800"}, 604_800),
        ({"life": "other", "amount": "2", "unit": "60"}, 120),
        ({"life": "other", "amount": "3", "unit": "86400"}, 259_200),
    ],
)
def test_it_lives_as_long_as_chosen(portal, place, data, seconds):
    assert portal.post("new", **portal.form(*FILES, **data)).status_code == 200
    with tenant(place.id):
        link = ShareLink.objects.get()
    assert (link.expires_at - link.created_at).total_seconds() == seconds


def test_what_is_wrong_stands_at_its_field_and_nothing_is_made(portal, place):
    bad: list[tuple[dict[str, Any], str]] = [
        ({"life": "other"}, "Enter how many"),
        ({"life": "other", "amount": "8", "unit": "86400"}, "from 1 minute to 7 days"),
        ({"life": "other", "amount": "-1", "unit": "60"}, "from 1 minute to 7 days"),
        ({"life": "59"}, "valid choice"),
        ({"permission": "admin"}, "valid choice"),
        ({"purpose": "x" * 201}, "at most 200"),
        ({"purpose": "right\u202eleft"}, "one line"),
        ({"path": ["claims/none"]}, "no such file"),
        ({"path": ["../../etc/passwd"]}, "only dots"),
        ({"once": "forged"}, "too old"),
    ]
    for data, words in bad:
        answer = portal.post("new", **portal.form(*FILES, **data))
        assert answer.status_code == 400, data
        assert words in text(answer), data
    assert count_links(place) == 0


def test_roles_without_the_permission_get_no_form(place):
    analyst = Portal(place, make_member(place, Role.ANALYST))
    assert analyst.get("new").status_code == 403
    assert analyst.get().status_code == 403
    auditor = Portal(place, make_member(place, Role.AUDITOR))
    assert auditor.get("new").status_code == 403
    assert "New link" not in text(auditor.get())


def test_its_page_tells_its_life(portal, place):
    made = share(place)
    actions.look_at_link(token=made.token, origin=SCANNER)
    actions.redeem_share(token=made.token, origin=RECIPIENT)
    for _ in range(2):
        with pytest.raises(actions.redemption.LinkCannotBeOpened):
            actions.redeem_share(token=made.token, origin=SCANNER)
    words = text(portal.get(str(made.link.id)))
    assert "Opened once by 198.51.100.24" in words
    assert "Somebody else tried this link twice." in words
    assert "Both tries came from 192.0.2.9 after it was spent" in words
    for line in (
        "Page looked at, not opened",
        "Opened. The link is now spent",
        "Refused: already opened",
        "made the link",
    ):
        assert line in words
    assert "2 audit entries" in words
    assert "0 of 1 left" in words


def test_a_try_from_the_address_that_opened_it_may_be_the_recipient_again(portal, place):
    made = share(place)
    actions.redeem_share(token=made.token, origin=RECIPIENT)
    with pytest.raises(actions.redemption.LinkCannotBeOpened):
        actions.redeem_share(token=made.token, origin=RECIPIENT)
    words = text(portal.get(str(made.link.id)))
    assert "Your recipient or somebody else tried this link once." in words
    assert "the address that opened it, 198.51.100.24, after it was spent, so it got nothing" in words


def test_without_a_try_after_it_was_spent_there_is_no_warning(portal, place):
    made = share(place)
    actions.redeem_share(token=made.token, origin=RECIPIENT)
    assert "tried this link" not in text(portal.get(str(made.link.id)))


@pytest.mark.parametrize("state", ["waiting", "spent", "expired", "revoked"])
def test_each_state_has_its_words(portal, place, earlier, state):
    if state in {"spent", "expired"}:
        earlier(timedelta(minutes=20))
    made = share(place, seconds=60 if state == "expired" else 3600)
    if state == "spent":
        actions.redeem_share(token=made.token, origin=RECIPIENT)
    if state == "revoked":
        portal.post(f"{made.link.id}/revoke")
    words = text(portal.get(str(made.link.id)))
    said = {
        "waiting": "Nobody has opened it.",
        "spent": "Access ended",
        "expired": "in time",
        "revoked": "Revoked by Olive",
    }
    assert said[state] in words
    assert ("Revoke now" in words) == (state == "waiting")


def test_revoking_takes_a_post_and_no_typing(portal, place):
    made = share(place)
    assert portal.get(f"{made.link.id}/revoke").status_code == 405
    assert link_of(made).revoked_at is None
    assert portal.post(f"{made.link.id}/revoke").status_code == 302
    assert link_of(made).revoked_at
    assert portal.post(f"{made.link.id}/revoke").status_code == 409


def test_revoking_needs_the_csrf_token(place):
    made = share(place)
    strict = sign_in(place.owner)
    strict.handler.enforce_csrf_checks = True
    assert strict.post(f"/o/{place.slug}/live/shares/{made.link.id}/revoke").status_code == 403
    assert link_of(made).revoked_at is None


def test_another_tenant_s_and_another_environment_s_link_is_not_there(place):
    made, other = share(place), make_place()
    for someone in (Portal(other), Portal(place, environment="test")):
        assert someone.get(str(made.link.id)).status_code == 404
        assert someone.post(f"{made.link.id}/revoke").status_code == 404
    assert Portal(place, other.owner).get().status_code == 404
    assert link_of(made).revoked_at is None


def test_hostile_text_is_shown_as_text(portal, place):
    share(place, purpose='<script>alert("x")</script>')
    assert b"<script>alert" not in portal.get().content
