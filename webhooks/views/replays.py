"""Sending a range of deliveries again, and how far that is."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRefresh

from hq.authz.actor import Actor
from hq.lib.errors import Invalid, NotFound, Refused
from hq.web.portal import tell
from hq.web.request import TenantRequest
from jobs import selectors as jobs
from jobs.registry import Job
from webhooks import actions, selectors
from webhooks.forms import ReplayForm


@dataclass(frozen=True, slots=True)
class Replay:
    """A job and how its bar looks: running, paused while it waits, failed or done."""

    job: Job
    state: str
    detail: str

    @property
    def unfinished(self) -> bool:
        return self.job.state in Job.UNFINISHED


def _told(job: Job) -> Replay:
    if job.state == Job.State.DONE:
        return Replay(job, "done", "All are on their way. What comes of each stands in the log." if job.done else "")
    if job.state == Job.State.DEAD:
        return Replay(job, "failed", "It stopped. What is on its way already is sent.")
    waits = job.state == Job.State.QUEUED
    return Replay(job, "paused" if waits else "running", "Waits for a worker." if waits else "")


def _replay(actor: Actor, endpoint_id: UUID, job_id: str) -> Replay:
    """The job, if it is this endpoint's. Raises NotFound."""
    try:
        job = jobs.get_job(actor, UUID(job_id))
    except ValueError:
        raise NotFound from None
    if job.kind != actions.REPLAY_RANGE or job.payload.get("endpoint") != str(endpoint_id):
        raise NotFound
    return _told(job)


def under_way(actor: Actor, endpoint_id: UUID) -> Replay | None:
    """What is being sent again to this endpoint now."""
    job = jobs.get_latest(actor, actions.REPLAY_RANGE)
    if job is None or job.payload.get("endpoint") != str(endpoint_id) or job.state not in Job.UNFINISHED:
        return None
    return _told(job)


def replay_range(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Asks which ones; then the same page shows how far it is, by the job in the address."""
    row = selectors.get_endpoint(request.actor, id)
    form = ReplayForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            job = actions.replay_range(
                actor=request.actor,
                endpoint_id=id,
                since=data["since"],
                until=data["until"],
                failed_only=data["failed_only"],
            )
        except (Invalid, Refused) as problem:
            form.add_error(None, str(problem))
        else:
            tell(request, "Sending again began. It goes on when you leave this page.", where)
            here = reverse("webhooks:replay_range", kwargs={**where, "id": id})
            return HttpResponseRedirect(f"{here}?job={job.id}")
    asked = request.GET.get("job", "")
    context = {"endpoint": row, "form": form, "replay": _replay(request.actor, id, asked) if asked else None}
    return render(request, "webhooks/replay.html", context, status=400 if form.errors else 200)


def replay_progress(request: TenantRequest, id: UUID, **_: str) -> HttpResponse:
    """The bar alone. Once it is done the page around it is old."""
    row = selectors.get_endpoint(request.actor, id)
    asked = request.GET.get("job", "")
    replay = _replay(request.actor, id, asked) if asked else under_way(request.actor, id)
    if replay is None or not replay.unfinished:
        return HttpResponseClientRefresh()
    return render(request, "webhooks/_replay.html", {"endpoint": row, "replay": replay})
