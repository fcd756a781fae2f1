"""The platform operator's rooms: metadata of jobs, whoever's they are; never content."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from console import actions
from console.forms import STATES, JobFilterForm
from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod, Permission
from hq.db.models import PLATFORM_ID
from hq.lib.errors import Invalid, NotFound, Refused
from hq.web.portal import person_of
from hq.web.request import origin
from jobs import selectors

View = Callable[..., HttpResponse]


def operator_only(view: View) -> View:
    """Signs in whoever is not; to anyone but an operator there is no such page (ACC-10). Gives the view its actor."""

    @wraps(view)
    @login_required
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        person = person_of(request)
        if not person.is_operator:
            raise NotFound
        actor = Actor(
            organization_id=PLATFORM_ID,
            kind="person",
            id=person.pk,
            person_id=person.pk,
            label=person.label,
            method=AuthMethod.SESSION,
            permissions=frozenset({Permission.OPERATOR_JOBS}),
            origin=origin(request),
        )
        return view(request, actor, *args, **kwargs)

    return inner


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
@operator_only
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
@operator_only
def discard(request: HttpRequest, actor: Actor, job_id: UUID) -> HttpResponse:
    """Delete a dead job."""
    try:
        actions.discard_job(actor=actor, job_id=job_id)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("console:job", job_id=job_id)
    messages.success(request, "Discarded. The organization's trail keeps what it was.")
    return redirect("console:jobs")
