"""Whom an identity provider lets in: the address it may vouch for, the account, the membership, the role."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth import get_user_model

from audit import recorder
from audit import selectors as trail
from audit.tags import PersonTag
from directory.models import SsoConnection
from directory.selectors import sso
from directory.selectors.sso import Connection, State
from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied
from hq.lib.mail_addresses import spell_address
from tenants import actions as tenants
from tenants import selectors as places
from tenants.selectors import Belonging


class SsoRefused(Denied):
    """Single sign-on did not work, and nothing changed here. Start again; if it happens again, ask an admin."""


class AddressNotYours(SsoRefused):
    """Your identity provider gave an address that is not at a verified domain of this organization. Ask an admin."""


class AddressTaken(SsoRefused):
    """An account has this address as its second one. Sign in there, make it the primary address, then come back."""


class NotAMember(SsoRefused):
    """You are not a member of this organization. Ask one of its owners or admins to invite you."""


class Deactivated(SsoRefused):
    """This account is deactivated. Ask the people who run this HQ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a provider says that somebody is, after its answer was checked. `uid` never changes at the provider.

    `mfa`: the provider says that it asked for a second factor. `seen`: everything it said, shown only after a test.
    """

    uid: str
    email: str
    name: str = ""
    groups: frozenset[str] = frozenset()
    mfa: bool = False
    seen: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Admission:
    """What a sign-in comes to, or would come to in a test."""

    email: str
    person: Any  # None: an account is made
    belonging: Belonging | None  # None: they join
    role: Role


def foresee(connection: Connection, identity: Identity) -> Admission:
    """Judge a sign-in without changing anything.

    Raises:
        AddressNotYours, AddressTaken, NotAMember, Deactivated.
    """
    email = spell_address(identity.email)
    if email is None or not sso.vouches(connection, email):
        raise AddressNotYours
    person = _linked(connection, identity.uid) or get_user_model().objects.with_address(email)
    if person is None and EmailAddress.objects.filter(email=email, verified=True).exists():
        raise AddressTaken
    if person is not None and not person.is_active:
        raise Deactivated
    belonging = _belonging(connection, person)
    if belonging is None and not connection.joins:
        raise NotAMember
    given = connection.roles.of(identity.groups)
    if belonging is None:
        return Admission(email, person, None, given or connection.default_role)
    current = Role(belonging.role)
    return Admission(email, person, belonging, current if current is Role.OWNER else given or current)


def _linked(connection: Connection, uid: str) -> Any:
    """The account that came by this name before, as long as its address is the organization's to vouch for.

    A domain may have changed hands since: its former owner's provider still knows the name.
    """
    account = SocialAccount.objects.select_related("user").filter(provider=connection.provider_id, uid=uid).first()
    return account.user if account is not None and sso.vouches(connection, account.user.email) else None


def _belonging(connection: Connection, person: Any) -> Belonging | None:
    belongings = places.list_belongings(person.pk) if person is not None else []
    return next((place for place in belongings if place.organization_id == connection.organization_id), None)


def admit(*, connection: Connection, identity: Identity, origin: Origin) -> SocialAccount:
    """Let somebody in whom the provider names: link or make the account, the membership, the role that groups give.

    Gives the account's link to the provider. Raises what `foresee` does; nothing has changed then.
    """
    with tenant(connection.organization_id):
        # One at a time: of two first sign-ins of one person, the second finds what the first made.
        row = SsoConnection.objects.select_for_update(no_key=True).filter(pk=connection.id, state=State.ACTIVE).first()
        if row is None:
            raise SsoRefused
        admission = foresee(connection, identity)
        # An account whose address nobody confirmed may be a stranger's: what they could sign in with goes.
        known = admission.person is not None and admission.person.email != admission.email
        person = admission.person if known else tenants.reclaim_person(email=admission.email, name=name_of(identity))
        account = _link(connection, identity.uid, person)
        SsoConnection.objects.filter(pk=connection.id).update(last_used_at=now())
        if admission.person is None:
            recorder.record_person(PersonTag.SIGN_UP, person_id=person.pk, origin=origin)
        _settle(connection, admission, person, origin)
    return account


def _link(connection: Connection, uid: str, person: Any) -> SocialAccount:
    """One name at the provider for one account, the newest: whoever has the former name now is somebody else."""
    own = SocialAccount.objects.filter(provider=connection.provider_id)
    own.filter(user=person).exclude(uid=uid).delete()
    account, _ = own.update_or_create(
        provider=connection.provider_id, uid=uid, defaults={"user": person, "extra_data": {}}
    )
    return account


def _settle(connection: Connection, admission: Admission, person: Any, origin: Origin) -> None:
    actor = _actor(connection, origin)
    if admission.belonging is None:
        tenants.add_member(actor=actor, email=person.email, name="", role=admission.role)
    elif admission.belonging.role != admission.role:
        tenants.change_role(actor=actor, member_id=admission.belonging.membership_id, role=admission.role)


def _actor(connection: Connection, origin: Origin) -> Actor:
    """The organization's own directory, which speaks through this connection."""
    return Actor(
        organization_id=connection.organization_id,
        kind="directory",
        id=connection.id,
        label=connection.name,
        method=AuthMethod.DIRECTORY,
        permissions=frozenset({Permission.MEMBERS_INVITE, Permission.MEMBERS_CHANGE_ROLE}),
        home_environment_id=trail.home_of(connection.organization_id),
        role=Role.ADMIN,
        origin=origin,
    )


def name_of(identity: Identity) -> str:
    """A name fit to be shown: one line, not longer than a line."""
    printable = "".join(character if character.isprintable() else " " for character in identity.name)
    return " ".join(printable.split())[:120]


def person_of_address(email: str) -> UUID | None:
    """Whose log tells of a refused sign-in."""
    spelled = spell_address(email)
    person = get_user_model().objects.with_address(spelled) if spelled else None
    return person.pk if person else None
