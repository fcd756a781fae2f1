"""Forgetting links and sessions that are over (VLT-11)."""

from hq.db.classes import retention
from hq.lib.clock import now
from jobs.registry import RunningJob
from sharing.models import ShareLink, ShareSession, ended_before

KEPT = retention(ShareLink)
BATCH = 500


def expire_links(job: RunningJob) -> dict[str, int]:
    """Delete sessions that are over, and links with all that was tried on them a month after they ended.

    Killed anywhere, it goes on where it was. The rows below a link go with it by the database's own references: the
    application has no right to delete a record of what happened.
    """
    with job.step():
        ShareSession.objects.filter(organization_id=job.organization_id, expires_at__lte=now()).delete()
    links = 0
    while deleted := _expire_some(job):
        links += deleted
        job.progress(links, message=f"{links} links that ended a month ago are gone")
    return {"links": links}


def _expire_some(job: RunningJob) -> int:
    with job.step():
        ended = ShareLink.objects.filter(ended_before(now() - KEPT), organization_id=job.organization_id)
        some = list(ended.order_by("pk").values_list("pk", flat=True)[:BATCH])
        return ShareLink.objects.filter(organization_id=job.organization_id, pk__in=some).delete()[0]
