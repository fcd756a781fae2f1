"""Jobs, whoever's they are: metadata, never content."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from console import actions
from console.forms import STATES, JobFilterForm
from console.views.door import operator_only, operator_verb
from hq.authz.actor import Actor
from hq.lib.errors import Invalid, Refused
from jobs import selectors


@operator_only
def jobs(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Every job, newest first. The filter and the page stand in the address."""
    form = JobFilterForm(request.GET)
    if not form.is_valid():
        raise Invalid("This page's address is not whole. Open the list of jobs again.")
    wanted = form.cleaned_data
    rows = selectors.list_for_operator(
        actor,
        state=wanted["state"],
        kind=wanted["kind"],
        organization_id=wanted["organization"],
        before=wanted["cursor"],
        limit=selectors.PAGE + 1,
    )
    kept = {name: wanted[name] for name in ("state", "kind", "organization") if wanted[name]}
    shown = rows[: selectors.PAGE]
    context = {
        "jobs": shown,
        "tally": selectors.tally_for_operator(actor),
        "states": STATES,
        "kept": kept,
        "older": f"?{urlencode(kept | {'cursor': shown[-1].id})}" if len(rows) > selectors.PAGE else "",
        "newest": f"?{urlencode(kept)}" if wanted["cursor"] else "",
    }
    return render(request, "console/jobs.html", context)


@operator_only
def job(request: HttpRequest, actor: Actor, job_id: UUID) -> HttpResponse:
    """One job: attempts, error, the ids that it was given, progress."""
    return render(request, "console/job.html", {"job": selectors.get_for_operator(actor, job_id)})


@require_POST
@operator_verb("console:job")
def retry(request: HttpRequest, actor: Actor, job_id: UUID) -> HttpResponse:
    """Queue a dead job again."""
    try:
        actions.retry_job(actor=actor, job_id=job_id)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "Queued again. It starts with all its attempts.")
    return redirect("console:job", job_id=job_id)


@require_POST
@operator_verb("console:job")
def discard(request: HttpRequest, actor: Actor, job_id: UUID) -> HttpResponse:
    """Delete a dead job."""
    try:
        actions.discard_job(actor=actor, job_id=job_id)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("console:job", job_id=job_id)
    messages.success(request, "Discarded. The organization's trail keeps what it was.")
    return redirect("console:jobs")
