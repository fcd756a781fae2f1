"""Things that tests begin with, made through the product's own actions."""

from dataclasses import dataclass
from itertools import count
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.signing import Signer
from django.test import Client

from hq.authz.actor import Actor, Origin
from hq.authz.levels import ADDED
from hq.authz.permissions import SCOPES, AuthMethod, Permission
from hq.authz.roles import GRANTS, Role
from hq.db.context import tenant
from hq.web.middleware import SignedSessions
from jobs import actions as jobs
from tenants import actions, selectors
from tenants.models import Membership, Organization, User

ORIGIN = Origin(ip="203.0.113.7", user_agent="tests", request_id="req_test")
_numbers = count(1)


@dataclass(frozen=True)
class Place:
    """A ready organization with its owner."""

    organization: Organization
    owner: User
    live_id: UUID
    test_id: UUID

    @property
    def id(self) -> UUID:
        return self.organization.id

    @property
    def slug(self) -> str:
        return self.organization.slug

    def actor(self, role: Role = Role.OWNER, person: User | None = None, environment_id: UUID | None = None) -> Actor:
        """A session of a person with a role, in live unless another environment is named."""
        who = person or self.owner
        return Actor(
            organization_id=self.id,
            environment_id=environment_id or self.live_id,
            home_environment_id=self.live_id,
            kind="person",
            id=who.pk,
            person_id=who.pk,
            label=who.label,
            method=AuthMethod.SESSION,
            permissions=GRANTS[role],
            within=ADDED,
            role=role,
            origin=ORIGIN,
        )


def make_person(email: str = "", name: str = "Olive Owner") -> User:
    """Someone with a verified address and no password."""
    return actions.ensure_person(email=email or f"person{next(_numbers)}@example.com", name=name)


def run_jobs(lane: str = "") -> None:
    """Do everything that waits in the lane, here and now."""
    while jobs.run_one("tests", lane=lane):
        pass


def make_place(name: str = "", owner: User | None = None) -> Place:
    """An organization, provisioned by its own job."""
    owner = owner or make_person()
    organization = actions.create_organization(
        person=owner, name=name or f"Alder Peak {next(_numbers)}", region="local", origin=ORIGIN
    )
    run_jobs()
    belonging = selectors.find_belonging(owner.pk, organization.slug)
    assert belonging is not None
    assert belonging.state == Organization.State.READY
    with tenant(organization.id):
        organization.refresh_from_db()
    return Place(organization, owner, belonging.live_id, belonging.test_id)


def make_member(place: Place, role: Role, email: str = "", name: str = "") -> User:
    """A person with a role in a place."""
    person = make_person(email, name or f"{role.value.title()} Person")
    with tenant(place.id):
        Membership.objects.create(organization_id=place.id, user=person, role=role)
    return person


def make_api_key(
    place: Place,
    scopes: frozenset[Permission] = SCOPES,
    environment_id: UUID | None = None,
    person: User | None = None,
    role: Role = Role.OWNER,
) -> str:
    """The secret of a new API key."""
    actor = place.actor(role, person, environment_id)
    with tenant(place.id):
        return actions.create_api_key(actor=actor, name="tests", scopes=scopes & actor.permissions).secret


def sign_in(person: User) -> Client:
    """A browser's stand-in that came through the product's own door, so that its cookie is the product's own."""
    client = Client()
    client.post(actions.create_sign_in_link(person=person).removeprefix(settings.BASE_URL))
    return client


def session_of(client: Client) -> SessionStore:
    """What the server keeps for a browser. Not `client.session`: the cookie holds the key with a signature."""
    cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
    return SessionStore(Signer(salt=SignedSessions._salt).unsign(cookie.value) if cookie and cookie.value else None)
