"""The deployment's own trail: what operators and this HQ itself did, and whether it is whole."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from console import actions, selectors
from console.forms import TrailFilterForm
from console.views.door import again, operator_only
from hq.authz.actor import Actor
from hq.lib.errors import Invalid

PAGE = 50


@operator_only
def trail(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Its events, newest first."""
    form = TrailFilterForm(request.GET)
    if not form.is_valid():
        raise Invalid("This page's address is not whole. Open the trail again.")
    wanted = form.cleaned_data
    rows = selectors.list_trail(actor, tag=wanted["tag"], before=wanted["cursor"], limit=PAGE)
    status, tags = selectors.trail_status(actor)
    kept = {"tag": wanted["tag"]} if wanted["tag"] else {}
    context = {
        "events": rows[:PAGE],
        "status": status,
        "tags": [(tag, tag) for tag in tags],
        "kept": kept,
        "older": f"?{urlencode(kept | {'cursor': rows[PAGE - 1].index})}" if len(rows) > PAGE else "",
        "newest": f"?{urlencode(kept)}" if wanted["cursor"] else "",
    }
    return render(request, "console/trail.html", context)


@operator_only
def event(request: HttpRequest, actor: Actor, index: int) -> HttpResponse:
    """One event: who, what, from where, before and after."""
    found = selectors.get_trail_event(actor, index)
    detail = found.detail or {}
    context = {
        "event": found,
        "checked": found.computed_hash() == bytes(found.hash),
        "before": detail.get("before"),
        "after": detail.get("after"),
        "reason": detail.get("reason", ""),
        "hash_hex": bytes(found.hash).hex(),
        "previous_hex": bytes(found.previous).hex(),
    }
    return render(request, "console/trail_event.html", context)


@require_POST
@operator_only
def verify(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Check the whole chain now and say what was found."""
    length, fault = actions.verify_trail(actor=actor)
    if fault:
        messages.error(request, f"{fault}.")
    else:
        messages.success(request, f"Chain verified. {length:,} event{'' if length == 1 else 's'}, no gap.")
    return again(request, "trail")
