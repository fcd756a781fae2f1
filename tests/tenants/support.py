"""What tests of people and access begin with."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from django.db import connections

from audit.models import AuditEvent
from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Refused
from tenants import selectors
from tenants.models import Membership, Organization, Policy, User
from tests.factories import ORIGIN, Place, make_member


def member_of(place: Place, role: Role = Role.DEVELOPER, name: str = "") -> Membership:
    """The membership of a new person."""
    person = make_member(place, role, name=name)
    with tenant(place.id):
        return Membership.objects.select_related("user").get(user=person)


def session_of(place: Place, person: User, environment: str = "live") -> Actor:
    """A session as the middleware makes it: with what rules may add."""
    belonging = selectors.find_belonging(person.pk, place.slug)
    assert belonging is not None
    return belonging.actor(person, method=AuthMethod.SESSION, origin=ORIGIN, environment_name=environment)


def directory_of(place: Place) -> Actor:
    """The organization's own directory."""
    return replace(place.actor(), kind="directory", method=AuthMethod.DIRECTORY)


def only_rules(place: Place) -> None:
    """From now on only access rules open files in this organization."""
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(reach=Policy.Reach.RULES)


def tags_of(place: Place) -> list[str]:
    """What the live environment's trail says, oldest first."""
    rows = AuditEvent.objects.filter(environment_id=place.live_id).order_by("index")
    return list(rows.values_list("tag", flat=True))


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Acts of several people in the same moment: how each ended."""
    begin = threading.Barrier(len(acts))

    def one(act: Callable[[], object]) -> str:
        begin.wait()
        try:
            act()
        except Refused as refused:
            return type(refused).__name__
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))
