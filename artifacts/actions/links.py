"""Links to an artifact: made, several at once if need be, and taken back (SHR-2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from artifacts import selectors
from artifacts.actions.deploying import target_of
from artifacts.actions.sharing_rules import cap_of, membership_of, wrong_with_life, wrong_with_recipient
from artifacts.models import FOR_LENGTH, LINKS_AT_ONCE, LONGEST, SHORTEST, Artifact, ArtifactLink
from audit import recorder
from audit.tags import Tag
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.authz.roles import GRANTS, Role
from hq.crypto import secrets
from hq.lib.clock import now
from hq.lib.errors import Invalid, Refused
from tenants.registry import SharingCap

TOKEN_PREFIX = "hqa_"
OPEN_PATH = "/_hq/open"


class CannotBeLinked(Invalid):
    """A link like this cannot be made."""


class NeedsNoLink(Refused):
    """Anybody who knows the address may see this artifact, so a link would let in nobody else."""


class LinkAlreadyRevoked(Refused):
    """This link is revoked already."""


@dataclass(frozen=True, slots=True)
class MadeLink:
    """The link's row, and its token, which is known only now."""

    link: ArtifactLink
    token: str

    @property
    def url(self) -> str:
        return f"{address_of(self.link.artifact)}{OPEN_PATH}?t={self.token}"


def address_of(artifact: Artifact) -> str:
    """Where an artifact is served, without a slash at the end."""
    scheme, _, host = settings.EDGE_URL.partition("://")
    return f"{scheme}://{artifact.label}.{host}"


def create_links(
    *,
    actor: Actor,
    artifact_id: UUID,
    recipients: Sequence[str] = ("",),
    ttl_seconds: int = int(LONGEST.total_seconds()),
) -> list[MadeLink]:
    """Make a link for each recipient; each lets one browser in, once, within `ttl_seconds` (60 to 604,800).

    Raises NotFound, Denied, NeedsNoLink, CannotBeLinked, also for a sharing rule: `errors` points at what is wrong.
    """
    artifact = selectors.lock_artifact(actor, artifact_id, Permission.SHARES_CREATE)
    if artifact.access == Artifact.Access.OPEN:
        raise NeedsNoLink
    if not SHORTEST.total_seconds() <= ttl_seconds <= LONGEST.total_seconds():
        raise _fault("/ttl_seconds", "A link lives from 60 seconds to 7 days (604800 seconds).")
    if not 1 <= len(recipients) <= LINKS_AT_ONCE:
        raise _fault("/recipients", f"Name 1 to {LINKS_AT_ONCE} recipients.")
    names = [_line(raw, index) for index, raw in enumerate(recipients)]
    _check_rules(cap_of(actor), names, ttl_seconds)
    common: Any = {"at": now(), "ttl": timedelta(seconds=ttl_seconds), "membership_id": membership_of(actor)}
    made = [_made(actor, artifact, name, **common) for name in names]
    ArtifactLink.objects.bulk_create([one.link for one in made])
    after = {
        "links": len(made),
        "for": [name for name in names if name],
        "expires_at": made[0].link.expires_at.isoformat(),
    }
    recorder.record(actor, Tag.ARTIFACT_LINK_CREATED, target=target_of(artifact), after=after)
    return made


def _made(
    actor: Actor, artifact: Artifact, recipient: str, *, at: datetime, ttl: timedelta, membership_id: UUID | None
) -> MadeLink:
    token = secrets.random_token(TOKEN_PREFIX)
    link = ArtifactLink(
        organization_id=actor.organization_id,
        artifact=artifact,
        recipient=recipient,
        token_digest=secrets.digest(token),
        membership_id=membership_id,
        created_at=at,
        created_by_kind=actor.kind,
        created_by_id=actor.id,
        created_by_label=actor.label,
        expires_at=at + ttl,
    )
    return MadeLink(link, token)


def revoke_link(*, actor: Actor, artifact_id: UUID, link_id: UUID) -> ArtifactLink:
    """End a link; whoever came in by it is out within a minute. Raises NotFound, Denied, LinkAlreadyRevoked."""
    link = selectors.lock_link(actor, artifact_id, link_id)
    if link.revoked_at:
        raise LinkAlreadyRevoked
    before = {"state": link.state.value, "for": link.recipient}
    _revoke(link, actor)
    recorder.record(
        actor,
        Tag.ARTIFACT_LINK_REVOKED,
        target=target_of(link.artifact),
        before=before,
        after={"state": link.state.value},
    )
    return link


def _revoke(link: ArtifactLink, actor: Actor) -> None:
    link.revoked_at, link.revoked_by_id, link.revoked_by_label = now(), actor.id, actor.label
    link.save(update_fields=["revoked_at", "revoked_by_id", "revoked_by_label"])


def end_links_of(actor: Actor, membership_id: UUID) -> None:
    """Revoke what a leaving member has made (see tenants.registry). The event of the removal tells of it."""
    links = ArtifactLink.objects.filter(
        organization_id=actor.organization_id, membership_id=membership_id, revoked_at=None
    )
    for link in links.select_for_update(no_key=True).order_by("pk"):
        _revoke(link, actor)


def end_links_of_demoted(actor: Actor, membership_id: UUID, role: Role) -> None:
    """Revoke what a member has made whose new role shares nothing. The edge cannot ask what they may (ADR 22)."""
    if Permission.SHARES_CREATE not in GRANTS[role]:
        end_links_of(actor, membership_id)


def _check_rules(cap: SharingCap, names: Sequence[str], ttl_seconds: int) -> None:
    """What the organization's sharing rules let this member give. Raises CannotBeLinked."""
    if wrong := wrong_with_life(cap, ttl_seconds):
        raise _fault("/ttl_seconds", wrong)
    for index, name in enumerate(names):
        if wrong := wrong_with_recipient(cap, name):
            raise _fault(f"/recipients/{index}", wrong)


def _line(raw: str, index: int) -> str:
    """One line of text: it is shown to a stranger, so nothing in it may break out of the line."""
    name = " ".join(raw.split())
    if len(name) > FOR_LENGTH or not name.isprintable():
        raise _fault(f"/recipients/{index}", f"Write one line of at most {FOR_LENGTH} characters.")
    return name


def _fault(pointer: str, detail: str) -> CannotBeLinked:
    return CannotBeLinked(detail, errors=[{"pointer": pointer, "detail": detail}])
