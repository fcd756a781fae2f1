"""Telling the trail of opened links, and forgetting what is over (VLT-11)."""

from datetime import datetime
from uuid import UUID

from artifacts.actions.deploying import target_of
from artifacts.models import KEPT_LINKS, KEPT_VISITS, ArtifactLink, ArtifactVisit, ended_before
from audit import recorder
from audit.tags import Tag
from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod
from hq.db.retention import RecordClass, cutoff
from hq.lib.clock import now
from jobs.registry import RunningJob

LINKS_NAME, VISITS_NAME = "artifacts.links", "artifacts.visits"
BATCH = 500


def look_after(job: RunningJob) -> dict[str, int]:
    """Everything that is to be done in one organization. Killed anywhere, it goes on where it was."""
    told = 0
    while _tell_one(job):
        told += 1
    return {"told": told, "links": _remove(job, LINKS_NAME), "visits": _remove(job, VISITS_NAME)}


def _tell_one(job: RunningJob) -> bool:
    """One event of one link, in a transaction of its own: the trail's head is held as shortly as by any other act."""
    with job.step():
        rows = ArtifactLink.objects.filter(
            organization_id=job.organization_id, opened_at__isnull=False, recorded_at__isnull=True
        )
        link = (
            rows.select_related("artifact").select_for_update(no_key=True, of=("self",)).order_by("opened_at").first()
        )
        if link is None:
            return False
        link.recorded_at = now()
        link.save(update_fields=["recorded_at"])
        visit = ArtifactVisit.objects.filter(
            organization_id=job.organization_id, link=link, kind=ArtifactVisit.Kind.OPENED
        ).first()
        origin = Origin(
            ip=link.opened_ip,
            user_agent=visit.user_agent if visit else "",
            request_id=visit.request_id if visit else "",
        )
        after = {
            "link": str(link.id),
            "for": link.recipient,
            "opened_at": str(link.opened_at and link.opened_at.isoformat()),
        }
        recorder.record(
            _recipient(link, origin), Tag.ARTIFACT_LINK_OPENED, target=target_of(link.artifact), after=after
        )
    return True


def _recipient(link: ArtifactLink, origin: Origin) -> Actor:
    """Who opened it: nobody in particular."""
    return Actor(
        organization_id=link.organization_id,
        environment_id=link.artifact.environment_id,
        kind="link",
        id=link.id,
        label=f"Recipient of “{link.recipient}”" if link.recipient else "Recipient of an artifact link",
        method=AuthMethod.LINK,
        permissions=frozenset(),
        pinned=frozenset(),
        origin=origin,
    )


def _remove(job: RunningJob, name: str) -> int:
    removed, batch = 0, BATCH
    while batch == BATCH:
        with job.step():
            before = cutoff(job.organization_id, name)
            batch = CLASSES[name].remove(job.organization_id, before, ()) if before else 0
        removed += batch
    return removed


def count_links(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    return ArtifactLink.objects.filter(ended_before(before), organization_id=organization_id).count()


def remove_links(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    """One batch, with the visits that came by them; how many."""
    ended = ArtifactLink.objects.filter(ended_before(before), organization_id=organization_id)
    some = list(ended.order_by("pk").values_list("pk", flat=True)[:BATCH])
    ArtifactLink.objects.filter(organization_id=organization_id, pk__in=some).delete()
    return len(some)


def count_visits(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    return ArtifactVisit.objects.filter(organization_id=organization_id, at__lt=before).count()


def remove_visits(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    """One batch; how many."""
    old = ArtifactVisit.objects.filter(organization_id=organization_id, at__lt=before)
    some = list(old.order_by("pk").values_list("pk", flat=True)[:BATCH])
    ArtifactVisit.objects.filter(organization_id=organization_id, pk__in=some).delete()
    return len(some)


CLASSES = {
    LINKS_NAME: RecordClass(
        name=LINKS_NAME,
        title="Links to artifacts",
        holds="Links that ended, who made them, and who opened them",
        since="after the link ended",
        default=KEPT_LINKS.after,
        least=7,
        most=400,
        count=count_links,
        remove=remove_links,
    ),
    VISITS_NAME: RecordClass(
        name=VISITS_NAME,
        title="Visits to artifacts",
        holds="Who looked at, entered or was refused at a protected artifact",
        since="after the visit",
        default=KEPT_VISITS.after,
        least=7,
        most=400,
        count=count_visits,
        remove=remove_visits,
    ),
}
