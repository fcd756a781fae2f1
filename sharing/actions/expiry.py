"""Forgetting links and sessions that are over (VLT-11)."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from hq.db.classes import retention
from hq.db.retention import RecordClass, cutoff
from hq.lib.clock import now
from jobs.registry import RunningJob
from sharing.actions.receiving import settle
from sharing.models import ShareLink, ShareSession, UploadRequest, ended_before

KEPT, REQUESTS_KEPT = retention(ShareLink), retention(UploadRequest)
BATCH = 500
NAME, REQUESTS_NAME = "sharing.links", "sharing.requests"


def expire_links(job: RunningJob) -> dict[str, int]:
    """Delete sessions that are over, and links with all that was tried on them a month after they ended.

    The organization may say another time than a month. Killed anywhere, it goes on where it was.
    """
    with job.step():
        ShareSession.objects.filter(organization_id=job.organization_id, expires_at__lte=now()).delete()
    links = 0
    while deleted := _expire_some(job):
        links += deleted
        job.progress(links, message=f"{links} links that ended long ago are gone")
    return {"links": links}


def _expire_some(job: RunningJob) -> int:
    with job.step():
        before = cutoff(job.organization_id, NAME)
        return remove_ended(job.organization_id, before) if before else 0


def count_ended(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    return ShareLink.objects.filter(ended_before(before), organization_id=organization_id).count()


def remove_ended(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    """One batch of links that ended before then; how many.

    The rows below a link go with it by the database's own references: the application has no right to delete a record
    of what happened.
    """
    ended = ShareLink.objects.filter(ended_before(before), organization_id=organization_id)
    some = list(ended.order_by("pk").values_list("pk", flat=True)[:BATCH])
    return ShareLink.objects.filter(organization_id=organization_id, pk__in=some).delete()[0]


LINKS = RecordClass(
    name=NAME,
    title="History of share links",
    holds="Links that ended, who made them, and each try to open them",
    since="after the link ended",
    default=KEPT,
    least=7,
    most=400,
    count=count_ended,
    remove=remove_ended,
)


def expire_requests(job: RunningJob) -> dict[str, int]:
    """Find out what became of files that were on their way, then delete requests that ended long ago."""
    settled = settle(job)
    requests = 0
    while deleted := _expire_requests(job):
        requests += deleted
        job.progress(requests, message=f"{requests} upload requests that ended long ago are gone")
    return {"settled": settled, "requests": requests}


def _expire_requests(job: RunningJob) -> int:
    with job.step():
        before = cutoff(job.organization_id, REQUESTS_NAME)
        return remove_ended_requests(job.organization_id, before) if before else 0


def count_ended_requests(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    return _ended_requests(organization_id, before).count()


def remove_ended_requests(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    """One batch of requests that ended before then, with what was sent and tried; how many. The files stay."""
    some = list(_ended_requests(organization_id, before).order_by("pk").values_list("pk", flat=True)[:BATCH])
    return UploadRequest.objects.filter(organization_id=organization_id, pk__in=some).delete()[0]


def _ended_requests(organization_id: UUID, before: datetime) -> QuerySet[UploadRequest]:
    ended = Q(closed_at__lt=before) | Q(closed_at__isnull=True, expires_at__lt=before)
    return UploadRequest.objects.filter(ended, organization_id=organization_id)


REQUESTS = RecordClass(
    name=REQUESTS_NAME,
    title="History of upload requests",
    holds="Requests that ended, who made them, and each file that was sent or refused",
    since="after the request ended",
    default=REQUESTS_KEPT,
    least=7,
    most=400,
    count=count_ended_requests,
    remove=remove_ended_requests,
)
