"""What an operator sees and does inside an organization that let them in, and what they never reach (ACC-11)."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from audit.models import AccessEntry, AuditEvent
from hq.authz.levels import Level
from hq.authz.permissions import AUTH_METHODS, SUPPORT_READS, SUPPORT_WRITES, AuthMethod
from hq.authz.roles import GRANTS, Role
from hq.db.context import tenant
from hq.lib.clock import now
from tenants import actions
from tenants.actions.support import SESSION_KEY
from tenants.models import Membership, Organization, User
from tests.factories import make_member, make_place, session_of, sign_in
from tests.matrix import PAGES
from tests.operators import age_proof, another_desk, as_owner, desk_of, make_operator
from tests.tenants.support_access import REASON, approve, ask, at_the_desk, change, inside, state
from tests.test_permission_matrix import visit
from tests.world import World
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def opal():
    return make_operator(name="Opal")


def come(client, place, page="people/"):
    return client.get(f"/o/{place.slug}/live/{page}")


# ---- what is in reach


READS = "access api_keys audit identity jobs keys members objects organization shares"
WRITES = {"objects:delete", "objects:write", "shares:revoke"}


def test_what_support_may_ever_do_is_written_down_here_once_more():
    """So that nothing slips in: the pages below are judged by the product's own lists."""
    may = {permission.value for permission, methods in AUTH_METHODS.items() if AuthMethod.SUPPORT in methods}
    assert may == {f"{room}:read" for room in READS.split()} | WRITES
    assert {permission.value for permission in SUPPORT_WRITES} == WRITES
    assert may == {permission.value for permission in SUPPORT_READS | SUPPORT_WRITES}


@pytest.mark.parametrize(("role", "writes"), [(None, False), (Role.OWNER, True), (Role.AUDITOR, True)])
def test_every_page_but_those_of_support_is_out_of_reach(role, writes):
    """Also with an owner's view, also by POST: keys, API keys, roles, policy, ways of signing in, this very access."""
    world = World()
    email = make_member(world.place, role).email if role else ""
    desk, _ = inside(world.place, email=email, writes=writes)
    allowed = (SUPPORT_READS | SUPPORT_WRITES if writes else SUPPORT_READS) & GRANTS[role or Role.ADMIN]
    for pattern, (needs, _data) in PAGES.items():
        answer = visit(desk, world, pattern)
        if needs in allowed:
            assert answer.status_code not in {401, 403, 404, 405, 500}, (pattern, answer.status_code)
        else:
            assert answer.status_code == 403, (pattern, answer.status_code)
            posted = desk.post(world.url(pattern), {"confirm": world.place.slug})
            assert posted.status_code in {400, 403, 405}, (pattern, posted.status_code)


def test_a_members_view_is_never_more_than_the_member_has(place, opal):
    ana = make_member(place, Role.AUDITOR, "ana@example.com")
    desk, _ = inside(place, opal, email=ana.email, writes=True)
    assert come(desk, place, "audit/").status_code == 200
    assert come(desk, place, "files/").status_code == 403


def test_a_members_view_follows_the_rules_about_that_member(place, opal):
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(reach="rules")
    ana = make_member(place, Role.ANALYST, "ana@example.com")
    for path in ("open/file", "shut/file"):
        vault.put_object(actor=place.actor(), path=path, chunks=[b"content"])
    with tenant(place.id):
        member = Membership.objects.get(user=ana)
        actions.give_access(actor=place.actor(), prefix="open/", level=Level.WRITE, membership_id=member.id)
    desk, _ = inside(place, opal, email=ana.email)
    assert come(desk, place, "files/objects/open/file").status_code == 200
    assert come(desk, place, "files/objects/shut/file").status_code in {403, 404}
    deleted = desk.post(f"/o/{place.slug}/live/files/chosen", {"path": "open/file", "action": "delete"})
    assert deleted.status_code == 403  # read-only, though the member may


def test_the_pages_of_the_account_are_the_operators_own(place, opal):
    desk, _ = inside(place, opal, email=place.owner.email, writes=True)
    for page in ("/me/", "/account/2fa/", "/account/sessions/", "/account/email/", "/account/password/change/"):
        answer = desk.get(page, follow=True)
        assert place.owner.email.encode() not in answer.content, page
    desk.post("/me/", {"name": "Changed", "time_zone": "UTC", "theme": "dark"})
    place.owner.refresh_from_db()
    opal.refresh_from_db()
    assert (place.owner.theme, opal.theme) == ("system", "dark")
    assert opal.name == "Changed"


def test_no_route_of_the_api_takes_a_session(place, opal):
    desk, _ = inside(place, opal)
    for route in ("/v1/me", f"/v1/environments/{place.live_id}/objects", f"/v1/organizations/{place.id}/members"):
        assert desk.get(route).status_code == 401


# ---- how it shows


def test_the_banner_stands_above_every_page_and_above_refusals(place, opal):
    desk, request = inside(place, opal, email=place.owner.email)
    for page in ("", "people/", "audit/", "keys/", "people/invite", "nothing/here"):
        shown = come(desk, place, page)
        text = shown.content.decode()
        if page == "nothing/here":
            assert shown.status_code == 404
            continue
        for words in (f"Opal is inside {place.organization.name}", "as Olive Owner", "Read-only.", REASON):
            assert words in text, page
        assert f'action="/operator/access/{request.id}/end"' in text
        assert "data-countdown" in text
    assert b"is inside" not in come(sign_in(place.owner), place).content


def test_everything_looked_at_stands_in_the_organizations_access_log(place, opal):
    desk, _ = inside(place, opal)
    come(desk, place, "audit/")
    come(desk, place, "people/invite")
    with tenant(place.id):
        rows = AccessEntry.objects.filter(actor_id=opal.pk).order_by("id")
        seen = [(row.route.rpartition("/live")[2], row.status, row.actor_kind, row.method) for row in rows]
        assert rows[0].detail["actor"] == "Opal (operator)"
    assert [(status, kind, method) for _, status, kind, method in seen] == [
        (200, "operator", "support"),
        (403, "operator", "support"),
    ]


def test_what_is_changed_is_told_as_the_operators_own_act(place, opal):
    vault.put_object(actor=place.actor(), path="a/b", chunks=[b"content"])
    desk, _ = inside(place, opal, writes=True, email=place.owner.email)
    answer = desk.post(f"/o/{place.slug}/live/files/chosen", {"path": "a/b", "action": "delete"})
    assert answer.status_code == 302
    with tenant(place.id):
        event = AuditEvent.objects.get(tag="object:deleted")
        assert (event.actor_kind, event.actor_id, event.actor_label) == ("operator", opal.pk, "Opal (operator)")


# ---- how it begins


def test_beginning_asks_for_the_key_within_five_minutes(place, opal):
    request = approve(place, ask(place, opal))
    desk = desk_of(opal)
    age_proof(desk, 301)
    answer = desk.post(f"/operator/access/{request.id}/start")
    assert answer["Location"].startswith("/account/2fa/webauthn/reauthenticate/?next=")
    assert state(place, request.id) == "approved"
    desk.touch()
    assert desk.post(f"/operator/access/{request.id}/start")["Location"] == f"/o/{place.slug}/"
    assert come(desk, place).status_code == 200


def test_the_session_gets_another_key_and_the_former_one_opens_nothing(place, opal):
    request = approve(place, ask(place, opal))
    desk = desk_of(opal)
    former, cookie = session_of(desk).session_key, desk.cookies[settings.SESSION_COOKIE_NAME].value
    desk.post(f"/operator/access/{request.id}/start")
    assert session_of(desk).session_key != former
    assert not Session.objects.filter(session_key=former).exists()
    copied = Client()
    copied.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert come(copied, place).status_code == 302


def test_it_opens_in_one_session_of_one_operator_only(place, opal):
    desk, request = inside(place, opal)
    other, again = desk_of(make_operator()), another_desk(desk)
    assert come(again, place).status_code == 404
    session = session_of(other)
    session[SESSION_KEY] = {place.slug: str(request.id)}
    session.save()
    assert come(other, place).status_code == 404
    assert come(desk, place).status_code == 200


def test_it_opens_one_organization_only(place, opal):
    elsewhere = make_place()
    desk, request = inside(place, opal)
    session = session_of(desk)
    session[SESSION_KEY] = {elsewhere.slug: str(request.id)}
    session.save()
    assert come(desk, elsewhere).status_code == 404


def test_who_is_a_member_too_keeps_both_apart(place, opal):
    with tenant(place.id):
        Membership.objects.create(organization_id=place.id, user=opal, role=Role.OWNER)
    desk, request = inside(place, opal)
    own = another_desk(desk)
    assert come(desk, place, "people/invite").status_code == 403
    assert come(own, place, "people/invite").status_code == 200
    assert b"is inside" not in come(own, place).content
    desk.post(f"/operator/access/{request.id}/end")
    assert come(desk, place, "people/invite").status_code == 200
    assert b"is inside" not in come(desk, place).content


# ---- how it ends


def time_is_up(place, _desk, request):
    change(place, request.id, ends_at=now())


def the_operator_ends_it(_place, desk, request):
    age_proof(desk, 3600)  # being done with it never waits for a key
    assert desk.post(f"/operator/access/{request.id}/end").status_code == 302


def the_organization_ends_it(place, _desk, request):
    answer = sign_in(place.owner).post(f"/o/{place.slug}/live/support/{request.id}/end")
    assert answer.status_code == 302


def demotion(_place, _desk, request):
    with as_owner():
        actions.demote_operator(email=User.objects.get(pk=request.operator_id).email)


def suspension(place, desk, _request):
    page = f"/operator/organizations/{place.id}/suspend"
    assert desk.post(page, {"reason": "Not paid", "confirm": place.slug}).status_code == 302


ENDS = (time_is_up, the_operator_ends_it, the_organization_ends_it, demotion, suspension)


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_it_is_over_with_the_very_next_request(place, opal, end):
    desk, request = inside(place, opal)
    assert come(desk, place).status_code == 200
    end(place, desk, request)
    assert come(desk, place).status_code == 404
    assert state(place, request.id) == "ended"


def test_signing_out_ends_it(place, opal):
    desk, request = inside(place, opal)
    desk.post("/account/logout/")
    assert state(place, request.id) == "ended"
    with tenant(place.id):
        assert AuditEvent.objects.get(tag="support:ended").detail["after"] == {"ended_by": "signing out"}


# ---- the organization's page


def test_an_owner_sees_who_why_how_long_and_decides(place, opal):
    request = ask(place, opal, writes=True, minutes=120)
    client = sign_in(place.owner)
    page = come(client, place, "support/").content.decode()
    for words in ("Opal asks to be let in", REASON, "120 minutes", "store and delete files", "Approve"):
        assert words in page
    answer = client.post(f"/o/{place.slug}/live/support/{request.id}/approve", follow=True)
    assert b"Opal may come in" in answer.content
    assert state(place, request.id) == "approved"
    again = client.post(f"/o/{place.slug}/live/support/{request.id}/refuse", follow=True)
    assert b"answered, taken back" in again.content
    assert state(place, request.id) == "approved"


def test_approving_asks_who_it_is_and_refusing_does_not(place, opal):
    request, client = ask(place, opal), desk_of(place.owner)
    age_proof(client, 3600)
    assert b"Confirm it is you" in come(client, place, "support/").content
    answer = client.post(f"/o/{place.slug}/live/support/{request.id}/approve")
    assert parse_qs(urlsplit(answer["Location"]).query) == {"next": [f"/o/{place.slug}/live/support/"]}
    assert state(place, request.id) == "waiting"
    client.post(f"/o/{place.slug}/live/support/{request.id}/refuse")
    assert state(place, request.id) == "refused"


def test_while_it_is_suspended_who_was_let_in_anew_sees_its_pages(place, opal):
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(state="SUSPENDED", support_by="operators")
    request = ask(place, opal)
    actions.approve_support(actor=at_the_desk(make_operator()), request_id=request.id)
    desk = desk_of(opal)
    desk.post(f"/operator/access/{request.id}/start")
    assert desk.get(f"/o/{place.slug}/", follow=True).status_code == 200
    assert come(sign_in(place.owner), place).status_code == 403
