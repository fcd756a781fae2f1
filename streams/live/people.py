"""Who holds a connection, and whether they still may: asked when it opens, regularly, and before anything is written.

It asks what a next request of the same browser would be asked (tenants.middleware), less what a page would lead to. An
open connection is not a use of the session: who only leaves a page open grows idle all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from time import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.core.signing import BadSignature, Signer
from django.db import connection
from django.http import HttpRequest

from hq.authz import gate
from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod, Permission
from hq.lib.errors import Denied, NotFound, Unauthenticated
from hq.web.middleware import SignedSessions
from hq.web.request import source_ip
from tenants import registry, selectors
from tenants.actions.support import SESSION_KEY


class _AsItIs(SessionStore):
    """A session that is only looked at. Django renews one of an older secret as it finds its person, under another key,
    which a stream cannot give to the browser: everybody with a page open would be signed out. The portal does that.
    """

    key_salt = SessionStore().key_salt  # what it is signed with has the name of the class in it

    def cycle_key(self) -> None:
        """It keeps its key."""

    def flush(self) -> None:
        """Who does not hold it any more is nobody, here; the portal ends it."""


ACTIVE = "hq.active"  # when the session was last used, as tenants.middleware notes it


@dataclass(frozen=True, slots=True)
class Asked:
    """What a connection came with: the key of its session, the place it asks about, and its address."""

    session_key: str
    slug: str
    environment: str
    ip: str | None


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whom a connection belongs to, and what they may see of the place. Nothing is written to anybody else."""

    person_id: UUID
    organization_id: UUID
    environment_id: UUID
    reads_trail: bool


def asked_by(headers: Mapping[str, str], client: str, slug: str, environment: str) -> Asked:
    """Reads the session's key from its signed cookie. Asks nothing of the database. Raises Unauthenticated."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get("cookie", ""))
        signed = cookies[settings.SESSION_COOKIE_NAME].value
        key = Signer(salt=SignedSessions._salt).unsign(signed)  # noqa: SLF001 - one cookie, two processes
    except (CookieError, KeyError, BadSignature):
        raise Unauthenticated from None
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": client, "HTTP_X_FORWARDED_FOR": headers.get("x-forwarded-for", "")}
    return Asked(key, slug, environment, source_ip(request))


def look_up(asked: Asked) -> Viewer:
    """Who that is now. Holds a connection to the database only while it asks.

    Raises Unauthenticated, Denied, NotFound.
    """
    try:
        return _look_up(asked)
    finally:
        if not connection.in_atomic_block:
            connection.close()


def _look_up(asked: Asked) -> Viewer:
    request: Any = HttpRequest()
    request.session = _AsItIs(asked.session_key)
    person = get_user(request)
    if not person.is_authenticated:
        raise Unauthenticated
    place = _support(request.session, person, asked.slug) or selectors.find_belonging(person.pk, asked.slug)
    if place is None or not (selectors.lets_in(place.state) or isinstance(place, selectors.Support)):
        raise NotFound
    if not isinstance(place, selectors.Support):
        _require_way_in(place, request.session, person, asked.ip)
    actor: Actor = place.actor(
        person, method=AuthMethod.SESSION, origin=Origin(ip=asked.ip), environment_name=asked.environment
    )
    return Viewer(
        person_id=person.pk,
        organization_id=actor.organization_id,
        environment_id=place.environment_id(asked.environment),
        reads_trail=gate.allows(actor, Permission.AUDIT_READ),
    )


def _support(session: Any, person: Any, slug: str) -> selectors.Support | None:
    """The access that an operator began in this session, as long as it lasts."""
    begun: dict[str, str] = session.get(SESSION_KEY, {})
    if slug not in begun:
        return None
    found = selectors.find_support(person.pk, UUID(begun[slug]))
    return found if found is not None and found.slug == slug else None


def _require_way_in(place: selectors.Belonging, session: Any, person: Any, ip: str | None) -> None:
    """What the organization's policy asks of a session. Raises Denied."""
    facts = selectors.facts_of(
        session,
        person_id=person.pk,
        email=person.email,
        organization_id=place.organization_id,
        at=int(time()),
        ip=ip,
        seen_at=session.get(ACTIVE, 0),
        connection=registry.sso_connection if place.sso_required or place.mfa_by_provider else None,
    )
    if selectors.find_obstacle(place, facts) is not None:
        raise Denied
