"""Trying a connection by a real sign-in that signs nobody in."""

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache

from audit.models import AuditEvent
from directory.models import Domain
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, NotFound
from tenants.models import Membership, User
from tests.directory.support import DOMAIN, EMAIL, Browser, Saml, begin, shown, tried
from tests.factories import make_member, make_person, make_place, sign_in
from tests.idp.saml import ATTRIBUTES, MULTI_FACTOR

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tester():
    saml = Saml.make(state="DRAFT", tested_at=None, groups={"Engineering": "developer"})
    return Browser(saml, sign_in(saml.place.owner))


def test_a_test_shows_what_would_happen_and_notes_who_tried(tester):
    result = tried(tester, authn_context=MULTI_FACTOR)
    assert (result.problem, result.email, result.name, result.groups) == ("", EMAIL, "Ines Alder", ["Engineering"])
    assert (result.person, result.joins, result.role, result.mfa) == ("", True, "developer", True)
    assert result.seen["firstName"] == ["Ines"]
    owner = tester.saml.place.owner
    assert (tester.saml.now("tested_at") is not None, tester.saml.now("tested_by_id")) == (True, owner.pk)
    with tenant(tester.saml.place.id):
        (event,) = AuditEvent.objects.filter(organization_id=tester.saml.place.id, tag="sso:tested")
    assert (event.actor_id, event.target_id, event.detail["target"]) == (owner.pk, str(tester.saml.row.id), "Okta")


def test_nobody_is_signed_in_linked_or_made_by_a_test(tester):
    before, key = User.objects.count(), tester.session.session_key
    tried(tester)
    assert (tester.person_id, tester.session.session_key) == (str(tester.saml.place.owner.pk), key)
    assert "hq.sso" not in tester.session
    assert (User.objects.count(), SocialAccount.objects.count(), tester.saml.role_of()) == (before, 0, None)


def test_a_test_names_the_account_and_the_role_of_a_member(tester):
    make_member(tester.saml.place, Role.OWNER, EMAIL, "Ines of old")
    result = tried(tester)
    assert (result.person, result.joins, result.role) == ("Ines of old", False, "owner")


def test_what_would_refuse_a_sign_in_is_the_problem_of_a_test(tester):
    saml = tester.saml
    with tenant(saml.place.id):
        Domain.objects.update(verified_at=None)
    assert "not at a verified domain" in tried(tester).problem
    with tenant(saml.place.id):
        Domain.objects.update(verified_at="2026-01-01T00:00Z")
    saml.set(joins=False)
    assert "not a member" in tried(tester).problem
    User.objects.filter(pk=make_person(EMAIL).pk).update(is_active=False)
    assert "deactivated" in tried(tester).problem
    assert saml.now("tested_at") is None


def test_a_draft_lets_nobody_in_even_while_it_is_tried(tester):
    """Others cannot begin by it; an answer that a test asked for is a test's in every browser."""
    saml = tester.saml
    assert Browser(saml).client.get(saml.at("start")).status_code == 404
    answer = saml.idp.respond(begin(tester))
    stranger = Browser(saml)
    stranger.answer(answer)
    assert (stranger.page.status_code, stranger.person_id, saml.role_of()) == (403, None, None)


def test_an_active_and_a_disabled_connection_can_be_tried_too(tester):
    for state in ("ACTIVE", "DISABLED"):
        tester.saml.set(state=state, tested_at="2026-01-01T00:00Z")
        assert tried(tester).problem == ""


def test_why_an_answer_is_refused_is_told_to_who_tries_and_to_nobody_else(tester):
    assert "Signature validation failed" in tried(tester, foreign_key=True).problem
    saml = tester.saml
    saml.set(state="ACTIVE", tested_at="2026-01-01T00:00Z")
    member = Browser(saml)
    page = member.sign_in(foreign_key=True)
    assert (page.status_code, b"Signature" in page.content) == (403, False)


def test_a_test_belongs_to_who_began_it_and_may_still_change_sign_in(tester):
    saml = tester.saml
    admin = make_member(saml.place, Role.ADMIN, f"admin@{DOMAIN}")
    browser = Browser(saml, sign_in(admin))
    address = begin(browser)
    with tenant(saml.place.id):
        Membership.objects.filter(user=admin).update(role=Role.ANALYST)
    assert browser.answer(saml.idp.respond(address)).status_code == 403
    address = begin(tester)
    tester.client.post("/account/logout/")
    assert tester.answer(saml.idp.respond(address)).status_code == 403
    assert saml.now("tested_at") is None


def test_only_who_may_change_sign_in_tries_a_connection_of_their_own_organization(tester):
    saml = tester.saml
    with pytest.raises(Denied):
        begin(Browser(saml, sign_in(make_member(saml.place, Role.AUDITOR))), role=Role.AUDITOR)
    other = make_place()
    with pytest.raises(NotFound):
        begin(Browser(Saml(other, saml.idp, saml.row), sign_in(other.owner)))


def test_a_result_is_shown_in_its_session_only_and_not_for_ever(tester):
    tried(tester, attributes={**ATTRIBUTES, "phone": ["+43 1 234"]})
    assert "+43" not in str(dict(tester.session.items()))
    again = Browser(tester.saml, sign_in(tester.saml.place.owner))
    assert shown(again) is None
    assert shown(tester) is not None
    cache.clear()
    assert shown(tester) is None
