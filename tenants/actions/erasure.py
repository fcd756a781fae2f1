"""What erasing does to organizations and people. Who may ask, and when it is due, the room of retention says.

Nothing here asks for a permission: a job calls it, when all of that has been settled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db import connection, transaction

from audit.actions import forget_person_events
from hq.authz.actor import Actor
from hq.authz.roles import Role
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.errors import Refused
from tenants.actions.people import LastOwner, end_membership
from tenants.models import Membership, OneTimeSignIn, Organization, User
from tenants.registry import erasures

ERASED = "Erased member"
DOMAIN = "erased.invalid"  # RFC 2606: no mail ever goes there


class OperatorsStay(Refused):
    """This is an operator of this HQ. Whoever runs the server takes that away first."""


@dataclass(frozen=True, slots=True)
class Known:
    """What of an organization a certificate names, and a mail says."""

    name: str
    slug: str
    state: str


def get_known(organization_id: UUID) -> Known | None:
    """In the caller's tenant transaction. None: it is gone."""
    found = Organization.objects.filter(pk=organization_id).first()
    return Known(found.name, found.slug, found.state) if found else None


def owners_of(organization_id: UUID) -> list[User]:
    """The owners who can sign in, those first who joined first. In the caller's tenant transaction."""
    rows = Membership.objects.filter(organization_id=organization_id, role=Role.OWNER, user__is_active=True)
    return [row.user for row in rows.select_related("user").order_by("joined_at", "id")]


def people_of(organization_id: UUID) -> list[UUID]:
    """Everybody who belongs to it. In the caller's tenant transaction."""
    rows = Membership.objects.filter(organization_id=organization_id).order_by("id")
    return list(rows.values_list("user_id", flat=True))


def shut_for_good(organization_id: UUID) -> None:
    """Nobody comes in from now on, by whatever way, and it cannot be opened again. In the caller's transaction."""
    Organization.objects.filter(pk=organization_id).update(
        state=Organization.ERASING, sso_required=False, break_glass_id=None
    )


def remove_organization(organization_id: UUID) -> None:
    """Remove its row, and by the database's own references what is left of it. In the caller's transaction.

    Not by the ORM, which knows fewer tables than the database. That it is being erased the database itself asks.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tenants_organization WHERE id = %s", [organization_id])


def leaving_with(organization_id: UUID) -> frozenset[UUID]:
    """Of its people, those who belong to no other organization that stays: their accounts go with it."""
    return frozenset(row["person_id"] for row in lookups.call("retention_leaving", organization_id))


def is_erased(person_id: UUID) -> bool:
    """Whether only the tombstone of an account is left."""
    return User.objects.filter(pk=person_id, email=_tombstone(person_id), is_active=False).exists()


def erase_person(person_id: UUID) -> None:
    """Leave of an account a tombstone with its id: nobody signs in with it. Raises OperatorsStay."""
    with transaction.atomic():
        person = User.objects.select_for_update().filter(pk=person_id).first()
        if person is None or is_erased(person_id):
            return
        if person.is_operator:
            raise OperatorsStay
        for session in UserSession.objects.filter(user_id=person_id):
            session.end()
        for rows in (
            OneTimeSignIn.objects.filter(user_id=person_id),
            Authenticator.objects.filter(user_id=person_id),
            SocialAccount.objects.filter(user_id=person_id),
            EmailAddress.objects.filter(user_id=person_id),
        ):
            rows.delete()
        person.email, person.name, person.is_active = _tombstone(person_id), ERASED, False
        person.last_login, person.time_zone, person.theme = None, "UTC", "system"
        person.set_unusable_password()
        person.save()
        forget_person_events(person_id)


def _tombstone(person_id: UUID) -> str:
    return f"erased-{person_id.hex}@{DOMAIN}"


def require_not_last(organization_id: UUID, person_id: UUID) -> None:
    """Raises LastOwner: without this person, the organization would have no owner. In the caller's transaction."""
    owners = [owner.pk for owner in owners_of(organization_id)]
    if owners == [person_id]:
        raise LastOwner


def erase_member(actor: Actor, person_id: UUID) -> UUID | None:
    """End what a person has in the actor's organization, and name them there no more; the membership that ended.

    In the caller's tenant transaction. The trail's sealed details keep what they say: they are evidence, and go with
    the organization's key. Raises LastOwner, BreakGlass.
    """
    rows = Membership.objects.filter(organization_id=actor.organization_id, user_id=person_id)
    membership = rows.select_for_update(no_key=True, of=("self",)).select_related("user").first()
    membership_id = membership.pk if membership else None
    for forget in erasures():
        forget(actor.organization_id, person_id, membership_id)
    if membership is not None:
        end_membership(actor, membership)
    return membership_id


def places_of(person_id: UUID) -> Sequence[UUID]:
    """The organizations that a person is in."""
    return [row["organization_id"] for row in lookups.call("tenants_list_places", person_id)]


def sole_owner_of(person_id: UUID) -> list[str]:
    """The names of the organizations that would have no owner without this person."""
    alone = []
    for row in lookups.call("tenants_list_places", person_id):
        with tenant(row["organization_id"]):
            if [owner.pk for owner in owners_of(row["organization_id"])] == [person_id]:
                alone.append(row["name"])
    return alone
