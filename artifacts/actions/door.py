"""What happens at the door of a protected artifact, asked by the edge as the role `hq_edge` (ADR 22).

None of these knows who asks. They open the tenant that the site names by themselves, and keep what must outlive a
refusal in a transaction of its own. The trail is not the edge's to write: it hears of an opened link from a job.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import DateTimeField, Func

from artifacts.models import USER_AGENT_LENGTH, Artifact, ArtifactLink, ArtifactVisit
from artifacts.selectors import Site
from hq.authz.actor import Origin
from hq.crypto import passwords, secrets
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, Refused, TooMany
from hq.limits.buckets import Bucket, take
from hq.web.limits import network_of

Kind = ArtifactVisit.Kind
KEPT = 500  # of each kind, link and artifact: whoever knows an address must not be able to fill the disk with it
# How often one address may try, and all of them together on one link or one artifact.
OPENINGS_OF_ADDRESS, OPENINGS_OF_LINK = (30, 60), (10, 60)
PASSWORDS_OF_ADDRESS, PASSWORDS_OF_ARTIFACT = (10, 300), (200, 3600)


class LinkCannotBeOpened(Refused):
    """This link cannot be opened. Ask the person who sent it for a new one."""

    # One answer for the unknown, the expired, the opened and the revoked: nothing can be learned by trying.
    status = 404


class WrongPassword(Denied):
    """This is not the password. Capital and small letters differ."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What somebody who holds a link may know before opening it."""

    made_by: str
    name: str
    recipient: str
    expires_at: datetime


def look_at_link(*, site: Site, token: str, origin: Origin) -> Offer:
    """Say what a link would open. Uses nothing up, so that mail scanners may look.

    Raises LinkCannotBeOpened, TooMany.
    """
    _count_opening(token, origin)
    with tenant(site.organization_id):
        link = _find(site, token)
        reason = _reason(link)
        if link is not None and not reason:
            _keep(site, link, Kind.LOOKED, origin)
            return Offer(link.created_by_label, link.artifact.name, link.recipient, link.expires_at)
        _keep(site, link, Kind.REFUSED, origin, reason)
    raise LinkCannotBeOpened


def open_link(*, site: Site, token: str, origin: Origin) -> datetime:
    """Use a link up, and when: exactly one caller ever gets that. Raises LinkCannotBeOpened, TooMany."""
    _count_opening(token, origin)
    with tenant(site.organization_id):
        link = _find(site, token)
        reason = _reason(link)
        if link is not None and not reason:
            if opened_at := _consume(link, origin):
                _keep(site, link, Kind.OPENED, origin)
                return opened_at
            link.refresh_from_db(fields=["opened_at", "revoked_at"])
            reason = _reason(link) or "expired"
        _keep(site, link, Kind.REFUSED, origin, reason)
    raise LinkCannotBeOpened


def enter_password(*, site: Site, password: str, origin: Origin) -> None:
    """Return if this is the password of the artifact. Raises WrongPassword, TooMany: which says how long to wait."""
    verdict = take(
        Bucket("edge.password", f"{site.artifact_id} {network_of(origin.ip)}", *PASSWORDS_OF_ADDRESS),
        Bucket("edge.passwords", str(site.artifact_id), *PASSWORDS_OF_ARTIFACT),
    )
    if not verdict.allowed:
        raise TooMany("Too many wrong passwords were tried here.", wait=verdict.retry_after)
    with tenant(site.organization_id):
        rows = Artifact.objects.filter(organization_id=site.organization_id, pk=site.artifact_id, policy=site.policy)
        hashed = rows.values_list("password", flat=True).first()
    right = bool(hashed) and passwords.verify_secret(str(hashed), password[:1000])  # slow, and outside of a transaction
    with tenant(site.organization_id):
        _keep(site, None, Kind.ENTERED if right else Kind.REFUSED, origin, "" if right else "password")
    if not right:
        raise WrongPassword


def _count_opening(token: str, origin: Origin) -> None:
    verdict = take(
        Bucket("edge.open", network_of(origin.ip), *OPENINGS_OF_ADDRESS),
        Bucket("edge.link", secrets.digest(token).hex(), *OPENINGS_OF_LINK),
    )
    if not verdict.allowed:
        raise TooMany("Too many links were tried from here.", wait=verdict.retry_after)


def _find(site: Site, token: str) -> ArtifactLink | None:
    """The link, if it is one of this artifact: on another host the same token is none."""
    rows = ArtifactLink.objects.filter(organization_id=site.organization_id, artifact_id=site.artifact_id)
    return rows.select_related("artifact").filter(token_digest=secrets.digest(token)).first()


def _reason(link: ArtifactLink | None) -> str:
    """Why it cannot be opened, for the sharer's eyes only; "" if it can."""
    if link is None:
        return "unknown"
    if link.revoked_at:
        return "revoked"
    if link.opened_at:
        return "spent"
    return "expired" if link.expires_at <= now() else ""


class _ClockTimestamp(Func):
    """The database's clock at this very moment: a statement that waited for a lock must not use an older one."""

    function = "clock_timestamp"
    output_field = DateTimeField()


def _consume(link: ArtifactLink, origin: Origin) -> datetime | None:
    """When it was opened, if it was now.

    One statement decides. Whoever comes second waits for the row, finds it opened and changes nothing.
    """
    unused = ArtifactLink.objects.filter(
        organization_id=link.organization_id,
        pk=link.pk,
        opened_at__isnull=True,
        revoked_at__isnull=True,
        expires_at__gt=_ClockTimestamp(),
    )
    at = now()
    return at if unused.update(opened_at=at, opened_ip=origin.ip) else None


def _keep(site: Site, link: ArtifactLink | None, kind: Kind, origin: Origin, reason: str = "") -> None:
    """Add one line, in the caller's transaction."""
    here = ArtifactVisit.objects.filter(
        organization_id=site.organization_id, artifact_id=site.artifact_id, link=link, kind=kind
    )
    if kind is not Kind.OPENED and here.count() >= KEPT:
        return
    ArtifactVisit.objects.create(
        organization_id=site.organization_id,
        artifact_id=site.artifact_id,
        link=link,
        kind=kind,
        reason=reason,
        ip=origin.ip,
        user_agent=origin.user_agent[:USER_AGENT_LENGTH],
        request_id=origin.request_id,
    )
