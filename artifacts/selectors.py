"""Reads of artifacts. Those without an actor serve the edge, which knows a host name and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery

from artifacts.models import Artifact, ArtifactLink, ArtifactVisit, DeployedFile, Deployment
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.errors import NotFound

VISITS_SHOWN = 200
CHANGES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Site:
    """What the edge must know of an artifact.

    `policy`: since which second its access has not changed. `revoked`: when those links were opened that are revoked,
    and whose cookies some browser may still show.
    """

    label: str
    organization_id: UUID
    environment_id: UUID
    artifact_id: UUID
    access: str
    policy: int
    owner: str
    deployment_id: UUID | None
    number: int | None
    revoked: frozenset[datetime]

    @property
    def protected(self) -> bool:
        """Whatever is not open to everybody by name is protected."""
        return self.access != Artifact.Access.OPEN

    @property
    def by_password(self) -> bool:
        return self.access == Artifact.Access.PASSWORD


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A file as it is served. `sha256` in hex is its entity tag."""

    path: str
    offset: int
    size: int
    content_type: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Change:
    """How one file differs between two deployments. Sizes are None where there is no such file."""

    path: str
    kind: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a deployment changed. `listed` holds the first CHANGES_SHOWN of them."""

    added: int
    changed: int
    removed: int
    listed: tuple[Change, ...]


def find_site(label: str) -> Site | None:
    """The artifact of a host name, unless its organization is shut. In a transaction of its own."""
    row = lookups.one("artifacts_find_site", label)
    if row is None:
        return None
    return Site(label=label, **{**row, "revoked": _opened(row["organization_id"], row["revoked"])})


def _opened(organization_id: UUID, links: Sequence[UUID]) -> frozenset[datetime]:
    """When these links were opened."""
    if not links:
        return frozenset()
    with tenant(organization_id):
        rows = ArtifactLink.objects.filter(organization_id=organization_id, pk__in=list(links))
        return frozenset(at for at in rows.values_list("opened_at", flat=True) if at is not None)


def find_served(site: Site, paths: Sequence[str]) -> dict[str, ServedFile]:
    """Those of the paths that the shown deployment has."""
    if site.deployment_id is None:
        return {}
    with tenant(site.organization_id):
        rows = DeployedFile.objects.filter(
            organization_id=site.organization_id, deployment_id=site.deployment_id, path__in=list(paths)
        )
        return {row.path: ServedFile(row.path, row.offset, row.size, row.content_type, row.sha256) for row in rows}


def list_organizations_with_work(links_before: datetime, visits_before: datetime) -> list[UUID]:
    """Organizations whose trail does not know of an opened link yet, or that have something to forget."""
    return [row["organization_id"] for row in lookups.call("artifacts_find_work", links_before, visits_before)]


def _artifacts(actor: Actor, permission: Permission = Permission.SHARES_READ) -> QuerySet[Artifact]:
    gate.require(actor, permission)
    return Artifact.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))


def list_artifacts(actor: Actor, *, before: UUID | None = None, limit: int = 50) -> Sequence[Artifact]:
    """Artifacts of the actor's environment, newest first, with `shown`, `files` and `size` of what they show.

    Up to limit + 1.
    """
    shown = Deployment.objects.filter(
        organization_id=actor.organization_id, artifact_id=OuterRef("pk"), number=OuterRef("current")
    )
    rows = _artifacts(actor).annotate(
        shown_at=Subquery(shown.values("created_at")[:1]),
        shown_files=Subquery(shown.values("files")[:1]),
        shown_size=Subquery(shown.values("size")[:1]),
    )
    if before:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[: limit + 1])


def get_artifact(actor: Actor, artifact_id: UUID, permission: Permission = Permission.SHARES_READ) -> Artifact:
    """For showing it, or for what begins with looking whether it is there. Raises Denied, NotFound."""
    return _one(_artifacts(actor, permission), artifact_id)


def lock_artifact(actor: Actor, artifact_id: UUID, permission: Permission) -> Artifact:
    """For changing it. Raises Denied, NotFound."""
    return _one(_artifacts(actor, permission).select_for_update(no_key=True), artifact_id)


def _one(rows: QuerySet[Artifact], artifact_id: UUID) -> Artifact:
    artifact = rows.filter(pk=artifact_id).first()
    if artifact is None:
        raise NotFound
    return artifact


def list_deployments(
    actor: Actor, artifact: Artifact, *, before: int | None = None, limit: int = 50
) -> Sequence[Deployment]:
    """Newest first; up to limit + 1. The artifact is one that `get_artifact` gave."""
    rows = Deployment.objects.filter(organization_id=actor.organization_id, artifact_id=artifact.pk)
    if before is not None:
        rows = rows.filter(number__lt=before)
    return list(rows.order_by("-number")[: limit + 1])


def get_deployment(actor: Actor, artifact: Artifact, number: int) -> Deployment:
    """Raises NotFound."""
    rows = Deployment.objects.filter(organization_id=actor.organization_id, artifact_id=artifact.pk, number=number)
    deployment = rows.first()
    if deployment is None:
        raise NotFound
    return deployment


def compare(actor: Actor, deployment: Deployment) -> Changes:
    """What a deployment changed against the one before it that is still there, or against nothing."""
    earlier = Deployment.objects.filter(
        organization_id=actor.organization_id, artifact_id=deployment.artifact_id, number__lt=deployment.number
    )
    before, after = _files(actor, earlier.order_by("-number").first()), _files(actor, deployment)
    added = [Change(path, "added", None, after[path].size) for path in after if path not in before]
    removed = [Change(path, "removed", before[path].size, None) for path in before if path not in after]
    changed = [
        Change(path, "changed", before[path].size, after[path].size)
        for path in after
        if path in before and (before[path].size, before[path].sha256) != (after[path].size, after[path].sha256)
    ]
    listed = sorted([*added, *changed, *removed], key=lambda change: change.path)
    return Changes(len(added), len(changed), len(removed), tuple(listed[:CHANGES_SHOWN]))


def _files(actor: Actor, deployment: Deployment | None) -> dict[str, DeployedFile]:
    if deployment is None:
        return {}
    rows = DeployedFile.objects.filter(organization_id=actor.organization_id, deployment_id=deployment.pk)
    return {row.path: row for row in rows}


def list_links(
    actor: Actor, artifact: Artifact, *, before: UUID | None = None, limit: int = 50
) -> Sequence[ArtifactLink]:
    """Newest first, with how often each was refused; up to limit + 1."""
    rows = ArtifactLink.objects.filter(organization_id=actor.organization_id, artifact_id=artifact.pk)
    refused = ArtifactVisit.objects.filter(
        organization_id=actor.organization_id, link_id=OuterRef("pk"), kind=ArtifactVisit.Kind.REFUSED
    )
    counted = refused.order_by().values("link_id").annotate(count=Count("pk")).values("count")
    rows = rows.annotate(refusals=Subquery(counted[:1]))
    if before:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[: limit + 1])


def lock_link(actor: Actor, artifact_id: UUID, link_id: UUID) -> ArtifactLink:
    """For revoking it. Raises Denied, NotFound."""
    artifact = _one(_artifacts(actor, Permission.SHARES_REVOKE), artifact_id)
    rows = ArtifactLink.objects.filter(organization_id=actor.organization_id, artifact_id=artifact.pk, pk=link_id)
    link = rows.select_related("artifact").select_for_update(no_key=True, of=("self",)).first()
    if link is None:
        raise NotFound
    return link


def list_visits(actor: Actor, artifact: Artifact, limit: int = VISITS_SHOWN) -> Sequence[ArtifactVisit]:
    """What was done at the door, newest first, each with its link."""
    rows = ArtifactVisit.objects.filter(organization_id=actor.organization_id, artifact_id=artifact.pk)
    return list(rows.select_related("link").order_by("-at", "-pk")[:limit])
