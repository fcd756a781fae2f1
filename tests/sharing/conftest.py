"""Links and what is needed around them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from hq.authz.actor import Actor, Origin
from hq.db.context import tenant
from hq.lib.clock import now
from sharing import actions
from sharing.actions.links import MadeShare
from sharing.models import ShareAttempt, ShareLink, SharePath, ShareSession
from tenants import actions as tenants
from tests.factories import ORIGIN, Place, make_place
from vault import actions as vault

RECIPIENT = Origin(ip="198.51.100.24", user_agent="Firefox", request_id="req_recipient")
SCANNER = Origin(ip="192.0.2.9", user_agent="mail scanner", request_id="req_scanner")
FILES = {"claims/register.csv": b"claim,amount\n1,250\n", "claims/method.md": b"# Method\n"}


def store(actor: Actor, path: str, content: bytes) -> None:
    vault.put_object(actor=actor, path=path, chunks=[content])


def share(
    place: Place,
    *paths: str,
    actor: Actor | None = None,
    permission: str = "read",
    seconds: int = 900,
    purpose: str = "Q3 claims",
    share_id: UUID | None = None,
) -> MadeShare:
    """A link to the two files unless others are named."""
    with tenant(place.id):
        return actions.create_share(
            actor=actor or place.actor(),
            paths=paths or tuple(FILES),
            permission=permission,
            ttl_seconds=seconds,
            purpose=purpose,
            share_id=share_id,
        )


def link_of(made: MadeShare) -> ShareLink:
    """The row as it is now."""
    with tenant(made.link.organization_id):
        return ShareLink.objects.get(pk=made.link.pk)


def attempts_of(made: MadeShare) -> list[ShareAttempt]:
    """Oldest first."""
    with tenant(made.link.organization_id):
        return list(ShareAttempt.objects.filter(link_id=made.link.pk).order_by("at", "pk"))


def kinds_of(made: MadeShare) -> list[str]:
    return [attempt.reason or attempt.kind for attempt in attempts_of(made)]


def count_sessions(made: MadeShare) -> int:
    with tenant(made.link.organization_id):
        return ShareSession.objects.filter(link_id=made.link.pk).count()


def count_pins(made: MadeShare) -> int:
    with tenant(made.link.organization_id):
        return SharePath.objects.filter(link_id=made.link.pk).count()


def at(actor: Actor, origin: Origin) -> Actor:
    return replace(actor, origin=origin)


def remove(place: Place, made: MadeShare) -> None:
    """The link's maker leaves the organization."""
    membership_id = link_of(made).membership_id
    assert membership_id is not None
    with tenant(place.id):
        tenants.remove_member(actor=place.actor(), member_id=membership_id)


@pytest.fixture
def place(db: None) -> Place:
    """An organization with two files in live."""
    made = make_place()
    for path, content in FILES.items():
        store(made.actor(), path, content)
    return made


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Sets the clock that makes and opens links back, so that what they are made with has passed by now."""

    def turn(by: timedelta) -> None:
        for module in ("links", "redemption"):
            monkeypatch.setattr(f"sharing.actions.{module}.now", partial(_ago, by))

    return turn


def _ago(by: timedelta):
    return now() - by


__all__ = ["ORIGIN"]
