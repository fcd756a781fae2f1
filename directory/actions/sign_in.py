"""Trying a connection with a real sign-in, which signs nobody in and links nobody (ACC-4)."""

from dataclasses import asdict, dataclass, field
from time import time
from typing import Any
from uuid import UUID

from allauth.socialaccount.adapter import get_adapter
from django.http import HttpRequest

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from directory import store
from directory.actions.admission import Identity, SsoRefused, foresee, name_of
from directory.models import SsoConnection
from directory.selectors import sso
from directory.selectors.sso import Connection
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod, Permission
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import NotFound
from hq.web.request import TenantRequest, origin
from tenants import selectors as places

TESTS = "hq.sso.tests"
SECONDS = 3600  # as long as a result is shown
ASKED_SECONDS = 600  # as long as allauth waits for an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """What a test has shown. `problem` is empty if everybody like this one gets in.

    `person` names the account they come in with, empty if one is made; `joins`: they become a member by it.
    """

    at: float  # in seconds since 1970
    problem: str = ""
    email: str = ""
    name: str = ""
    groups: list[str] = field(default_factory=list)
    mfa: bool = False
    person: str = ""
    joins: bool = False
    role: str = ""
    seen: dict[str, list[str]] = field(default_factory=dict)


def begin_test(request: TenantRequest, connection_id: UUID, *, back: str) -> str:
    """Where to send the browser to try a connection in any state. `back` is the page to come back to afterwards."""
    gate.require(request.actor, Permission.IDENTITY_CHANGE)
    connection = sso.find_connection(connection_id)
    if connection is None or connection.organization_id != request.actor.organization_id:
        raise NotFound
    store.expect_test(connection.id, seconds=ASKED_SECONDS)
    provider = get_adapter().provider_of(request, connection)
    address: str = provider.begin(test={"back": back})
    return address


def finish_test(
    request: HttpRequest, connection: Connection, test: dict[str, Any], answer: Identity | SsoRefused
) -> str:
    """Keep what the provider answered for the page that asked, and note a success. Gives that page's address.

    Raises:
        SsoRefused: whoever is signed in may not do this any more.
    """
    actor = _tester(request, connection)
    if isinstance(answer, Identity):
        result = _judge(connection, answer)
        if not result.problem:
            _note(actor, connection)
    else:
        result = TestResult(at=time(), problem=str(answer))
    tests = request.session.get(TESTS, {})
    tests[str(connection.id)] = store.hold(asdict(result), seconds=SECONDS)
    request.session[TESTS] = tests
    return str(test["back"])


def _tester(request: HttpRequest, connection: Connection) -> Actor:
    """Who is signed in, which is who began: a session that passes to somebody else forgets what it asked."""
    person: Any = request.user
    for belonging in places.list_belongings(person.pk):
        if belonging.organization_id == connection.organization_id:
            actor = belonging.actor(person, method=AuthMethod.SESSION, origin=origin(request))
            if gate.allows(actor, Permission.IDENTITY_CHANGE):
                return actor
    raise SsoRefused


def _judge(connection: Connection, identity: Identity) -> TestResult:
    said: dict[str, Any] = {
        "at": time(),
        "email": identity.email,
        "name": name_of(identity),
        "groups": sorted(identity.groups),
        "mfa": identity.mfa,
        "seen": identity.seen,
    }
    try:
        admission = foresee(connection, identity)
    except SsoRefused as refusal:
        return TestResult(problem=str(refusal), **said)
    return TestResult(
        person=admission.person.label if admission.person else "",
        joins=admission.belonging is None,
        role=admission.role.value,
        **said,
    )


def _note(actor: Actor, connection: Connection) -> None:
    with tenant(connection.organization_id):
        SsoConnection.objects.filter(pk=connection.id).update(tested_at=now(), tested_by_id=actor.person_id)
        recorder.record(actor, Tag.SSO_TESTED, target=Target("sso_connection", connection.id, connection.name))


def last_test(request: HttpRequest, connection_id: UUID) -> TestResult | None:
    """What the newest test in this session has shown, within the hour."""
    token = request.session.get(TESTS, {}).get(str(connection_id), "")
    kept = store.look(token) if token else None
    return TestResult(**kept) if kept else None
