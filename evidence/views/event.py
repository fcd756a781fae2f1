"""One event: who, what, from where, before and after, and what proves it."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit import selectors as trail
from audit.registry import AuditEvent
from audit.tags import Log
from evidence import selectors
from evidence.actions.proofs import prove_entry
from hq.authz.actor import environment_of
from hq.db.sealing import KeyGone
from hq.web.portal import own_context
from hq.web.request import TenantRequest


def event(request: TenantRequest, index: int, **_: str) -> HttpResponse:
    """A page of its own, or the part of it that stands beside the list."""
    beside = bool(request.GET.get("part"))
    template = "audit/_event.html" if beside else "audit/event.html"
    return render(request, template, about_event(request, index) | {"beside": beside})


@own_context
@require_safe
def proof(request: TenantRequest, index: int, **_: str) -> HttpResponse:
    """The file by which a stranger can check this event."""
    file = prove_entry(actor=request.actor, log=Log.ADMIN, index=index)
    disposition = f'attachment; filename="{file.name}"'
    return HttpResponse(file.content, content_type="application/json", headers={"Content-Disposition": disposition})


def about_event(request: TenantRequest, index: int) -> dict[str, Any]:
    """What a template needs of an event. Raises NotFound."""
    found = trail.get_event_at(request.actor, index)
    detail = found.detail or {}
    status = trail.chain_status(request.actor)
    return {
        "event": found,
        "checked": found.computed_hash() == bytes(found.hash) and _fits(found),
        "before": detail.get("before"),
        "after": detail.get("after"),
        "reason": detail.get("reason", ""),
        "agent": detail.get("user_agent", ""),
        "hash_hex": bytes(found.hash).hex(),
        "previous_hex": bytes(found.previous).hex(),
        "commitment_hex": bytes(found.commitment).hex(),
        "document": found.document().decode(),
        "earlier": index - 1 if index > 1 else None,
        "later": index + 1 if index < status.length else None,
        **_proved(request, index, found.document()),
    }


def _fits(event: AuditEvent) -> bool:
    """Whether the sealed detail is the one that was committed to, as far as anybody can still tell."""
    try:
        return event.detail_matches()
    except KeyGone:
        return True
    except ValueError:
        return False


def _proved(request: TenantRequest, index: int, document: bytes) -> dict[str, Any]:
    """By which checkpoint it can be shown to a stranger, if one covers it yet, and whether it does lead there."""
    checkpoint = selectors.checkpoint_at_least(environment_of(request.actor), Log.ADMIN, index)
    if checkpoint is None:
        return {"checkpoint": None}
    steps = selectors.steps_to(checkpoint, index, document)
    return {
        "contradicted": steps is None,
        "checkpoint": checkpoint,
        "proof_title": f"Proved by the checkpoint over {checkpoint.size:,} events",
        "proof_steps": steps,
        "witnessed": checkpoint.cosignatures.count(),
    }
