"""Whom a provider may speak for, and what becomes of who it names: account, link, membership, role."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.db import connection

from audit.models import AuditEvent
from directory.actions.admission import Identity, admit
from directory.models import Domain
from directory.selectors.sso import find_connection
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants.models import Membership, Organization, User
from tests.directory.support import DOMAIN, EMAIL, Browser, Saml, add_domain
from tests.factories import ORIGIN, make_member, make_person, make_place
from tests.idp.saml import ATTRIBUTES, NAME_ID

pytestmark = pytest.mark.django_db(transaction=True)


def said_of(email: str, **more) -> dict[str, Any]:
    return {"attributes": {**ATTRIBUTES, "email": [email], **more}}


def enter(saml: Saml, email: str = EMAIL, *, uid: str = NAME_ID, **more) -> Browser:
    browser = Browser(saml)
    browser.sign_in(name_id=uid, **said_of(email, **more))
    return browser


def person_of(browser: Browser) -> User | None:
    return User.objects.filter(pk=browser.person_id).first() if browser.person_id else None


@pytest.fixture
def saml():
    return Saml.make()


def test_only_an_address_at_a_verified_domain_lets_anybody_in(saml):
    """Not one below or above it, not one that only looks like it, not two in one."""
    add_domain(saml.place, "waiting.example", verified=False)
    add_domain(saml.place, "k.example")
    add_domain(make_place(), "other.example")
    people = User.objects.count()
    for email in (
        "ines@waiting.example",
        "ines@other.example",
        "ines@nobodys.example",
        f"ines@sub.{DOMAIN}",
        "ines@example",
        f"ines@{DOMAIN}.evil.example",
        f"ines@{DOMAIN}.",
        f"ines@{DOMAIN}@evil.example",
        f"ines@evil.example@{DOMAIN}",
        f"ines@evil.example,ines@{DOMAIN}",
        f'"ines@evil.example"@{DOMAIN}',
        f"ines @{DOMAIN}",
        f"in\u0131s@{DOMAIN}",  # a dotless i, whose upper case is I
        "ines@\u212a.example",  # the Kelvin sign, whose lower case is k
        "ines@\uff41lder.example",  # a wide a
        "ines@\u0430lder.example",  # a Cyrillic a
        f"@{DOMAIN}",
        "ines",
        "",
    ):
        browser = enter(saml, email, uid=f"uid of {email}")
        assert (browser.page.status_code, browser.person_id) == (403, None), email
    assert (User.objects.count(), SocialAccount.objects.count()) == (people, 0)


def test_an_address_is_one_in_capitals_too_and_a_domain_in_other_letters_is_its_ascii_form(saml):
    known = make_person(EMAIL)
    assert person_of(enter(saml, "Ines@ALDER.Example")) == known
    add_domain(saml.place, "xn--bcher-kva.example")
    joined = person_of(enter(saml, "otto@b\u00fccher.example", uid="otto"))
    assert joined is not None
    assert joined.email == "otto@xn--bcher-kva.example"


def test_an_account_with_the_address_is_linked_and_keeps_its_password(saml):
    known = make_person(EMAIL, "Ines of old")
    known.set_password("correct horse battery staple")
    known.save()
    assert person_of(enter(saml)) == known
    known.refresh_from_db()
    assert (known.has_usable_password(), known.name) == (True, "Ines of old")
    assert SocialAccount.objects.get().user == known


@pytest.mark.parametrize("member", [False, True])
def test_what_a_stranger_prepared_under_the_address_is_worth_nothing(saml, member):
    """Somebody signed up with the address, could not confirm it, and waits for its owner."""
    squatted = User.objects.create_user(EMAIL, "correct horse battery staple")
    EmailAddress.objects.create(user=squatted, email=EMAIL, verified=False, primary=True)
    if member:
        with tenant(saml.place.id):
            Membership.objects.create(organization_id=saml.place.id, user=squatted, role=Role.ANALYST)
    assert person_of(enter(saml)) == squatted
    squatted.refresh_from_db()
    assert not squatted.has_usable_password()
    assert set(EmailAddress.objects.values_list("email", "verified")) == {
        (saml.place.owner.email, True),
        (EMAIL, True),
    }


def test_an_address_that_is_anothers_second_one_is_refused(saml):
    keeper = make_person("ines@home.example")
    EmailAddress.objects.create(user=keeper, email=EMAIL, verified=True, primary=False)
    browser = enter(saml)
    assert browser.page.status_code == 403
    assert b"as its second one" in browser.page.content
    assert (browser.person_id, SocialAccount.objects.count()) == (None, 0)


def test_a_renamed_person_keeps_the_account(saml):
    before = person_of(enter(saml, uid="1"))
    assert person_of(enter(saml, f"ines.berg@{DOMAIN}", uid="1")) == before


def test_an_address_given_to_somebody_new_leaves_the_former_name_without_the_account(saml):
    """One link an account: the one who had the address before comes back as somebody else."""
    account = person_of(enter(saml, uid="old"))
    assert person_of(enter(saml, uid="new")) == account
    assert list(SocialAccount.objects.values_list("uid", flat=True)) == ["new"]
    assert person_of(enter(saml, f"ines.former@{DOMAIN}", uid="old")) not in {None, account}


def test_who_came_once_is_refused_when_the_domain_is_no_longer_verified(saml):
    enter(saml)
    with tenant(saml.place.id):
        Domain.objects.update(verified_at=None)
    browser = enter(saml)
    assert (browser.page.status_code, browser.person_id) == (403, None)


def test_a_domain_that_moved_takes_its_accounts_along(saml):
    """The former owner's provider still knows the name, and has another domain: it gets another account."""
    account = person_of(enter(saml, uid="1"))
    with tenant(saml.place.id):
        Domain.objects.all().delete()
    add_domain(saml.place, "left.example")
    new = Saml.make()  # has the domain now
    assert person_of(enter(saml, "mallory@left.example", uid="1")) not in {None, account}
    assert person_of(enter(new, uid="1")) == account


def test_who_is_not_a_member_joins_only_where_the_connection_says_so(saml):
    saml.set(joins=False)
    stranger = make_person(EMAIL)
    browser = enter(saml)
    assert browser.page.status_code == 403
    assert b"Ask one of its owners or admins" in browser.page.content
    assert (browser.person_id, saml.role_of(), SocialAccount.objects.count()) == (None, None, 0)
    make_member(saml.place, Role.DEVELOPER, f"otto@{DOMAIN}")
    assert enter(saml, f"otto@{DOMAIN}", uid="otto").person_id
    saml.set(joins=True, default_role=Role.AUDITOR)
    assert person_of(enter(saml)) == stranger
    assert saml.role_of() == Role.AUDITOR


def test_a_deactivated_account_does_not_come_in_nor_join(saml):
    person = make_person(EMAIL)
    User.objects.filter(pk=person.pk).update(is_active=False)
    browser = enter(saml)
    assert (browser.page.status_code, browser.person_id, saml.role_of()) == (403, None, None)


def test_the_organizations_policy_on_addresses_holds_here_too(saml):
    with tenant(saml.place.id):
        Organization.objects.filter(pk=saml.place.id).update(email_domains=["elsewhere.example"])
    browser = enter(saml)
    assert (browser.page.status_code, browser.person_id, User.objects.filter(email=EMAIL).count()) == (403, None, 0)


def test_two_first_sign_ins_at_once_make_one_account(saml):
    found, together = find_connection(saml.row.id), Barrier(4)
    assert found is not None

    def come_in(_: int) -> UUID:
        together.wait()
        try:
            account = admit(connection=found, identity=Identity(uid="1", email=EMAIL), origin=ORIGIN)
            return UUID(str(account.user_id))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(come_in, range(4)))) == 1
    assert saml.role_of() == "analyst"


# ---- roles by groups


def events(saml: Saml, tag: str) -> list[AuditEvent]:
    with tenant(saml.place.id):
        return list(AuditEvent.objects.filter(organization_id=saml.place.id, tag=tag).order_by("index"))


def test_the_strongest_role_of_the_groups_is_applied_at_each_sign_in(saml):
    saml.set(groups={"Engineering": "developer", "Leads": "admin", "Books": "auditor"})
    for groups, role in (
        (["Engineering"], "developer"),
        (["Books", "Leads", "Engineering"], "admin"),
        (["Books", "unknown"], "auditor"),
        (["leads", "unknown"], "admin"),
        (["unknown"], "analyst"),  # who is taken out of every group is everybody else
        ([], "analyst"),
    ):
        assert enter(saml, groups=groups).person_id
        assert saml.role_of() == role, groups
    joined, changed = events(saml, "member:joined"), events(saml, "member:role_changed")
    assert [(event.actor_kind, event.actor_id) for event in joined + changed] == [("directory", saml.row.id)] * 5


def test_without_a_group_that_has_a_role_a_role_given_here_stays(saml):
    make_member(saml.place, Role.ADMIN, f"ada@{DOMAIN}")
    assert enter(saml, f"ada@{DOMAIN}", uid="ada", groups=["Engineering"]).person_id
    assert saml.role_of(f"ada@{DOMAIN}") == "admin"


def test_nobody_becomes_an_owner_by_a_group_and_no_owner_stops_being_one(saml):
    saml.set(groups={"Kings": "owner", "Engineering": "developer", "Robots": "service_account"})
    assert enter(saml, groups=["Kings", "Robots"]).person_id
    assert saml.role_of() == "analyst"
    make_member(saml.place, Role.OWNER, f"otto@{DOMAIN}")
    assert enter(saml, f"otto@{DOMAIN}", uid="otto", groups=["Engineering"]).person_id
    assert saml.role_of(f"otto@{DOMAIN}") == "owner"
