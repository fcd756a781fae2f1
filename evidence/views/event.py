"""One event or one request: who, what, from where, before and after, and what proves it."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit import selectors as trail
from audit.selectors import Entry, EntryAltered, Filters
from audit.tags import Log
from evidence import selectors
from evidence.actions.proofs import ProofFile, prove_entry, prove_request
from hq.authz.actor import environment_of
from hq.crypto import chain
from hq.db.sealing import KeyGone
from hq.lib.errors import NotFound
from hq.web.portal import own_context
from hq.web.request import TenantRequest

_SAID_ELSEWHERE: Final = frozenset({"actor", "user_agent", "salt", "org_slug", "env_name"})
_WORDS: Final = {"path": "Object", "search": "Searched for", "index": "Event looked at", "id": "Id"}


def event(request: TenantRequest, index: int, **_: str) -> HttpResponse:
    """A page of its own, or the part of it that stands beside the list."""
    beside = bool(request.GET.get("part"))
    template = "audit/_event.html" if beside else "audit/event.html"
    return render(request, template, about_event(request, index) | {"beside": beside})


@own_context
@require_safe
def proof(request: TenantRequest, index: int, **_: str) -> HttpResponse:
    """The file by which a stranger can check this event."""
    return _file(prove_entry(actor=request.actor, log=Log.ADMIN, index=index))


def access(request: TenantRequest, id: UUID, **_: str) -> HttpResponse:
    """One request: who asked for what, from where, with what outcome, and what proves it."""
    just_behind = UUID(int=min(id.int + 1, 2**128 - 1))
    rows = trail.list_access(request.actor, Filters(), before=just_behind, limit=1)
    if not rows or rows[0].pk != id:
        raise NotFound
    line, here = rows[0], (request.actor.organization_id, environment_of(request.actor))
    index = trail.place_of_request(*here, id)
    context: dict[str, Any] = {"line": line, "index": index, "told": _told(line.detail or {}), "checked": True}
    if index is None:
        context["waiting_title"] = "This request has no place in the log yet"
        return render(request, "audit/request.html", context)
    found = _at_its_place(request, index)
    context |= {
        "checked": found is not None
        and found.hash == chain.link(found.previous, found.document)
        and _fits(line.detail_matches),
        "hash_hex": found.hash.hex() if found else "",
        "previous_hex": found.previous.hex() if found else "",
        "document": found.document.decode() if found else "",
        "waiting_title": "This request fits its hash",
        **(_proved(request, Log.ACCESS, index, found.document) if found else {}),
    }
    return render(request, "audit/request.html", context)


def _told(detail: dict[str, Any]) -> list[tuple[str, str]]:
    """What the line says was touched, in people's words; who and with what stand above it."""
    told = {name: str(value) for name, value in detail.items() if value and name not in _SAID_ELSEWHERE}
    return [(_WORDS.get(name, name.replace("_", " ").capitalize()), value) for name, value in told.items()]


def _at_its_place(request: TenantRequest, index: int) -> Entry | None:
    """As the log has it; None if its detail was changed."""
    try:
        found = trail.page_log(
            request.actor.organization_id, environment_of(request.actor), Log.ACCESS, after=index - 1, limit=1
        )
    except EntryAltered:
        return None
    return found[0]


@own_context
@require_safe
def access_proof(request: TenantRequest, id: UUID, **_: str) -> HttpResponse:
    """The file by which a stranger can check this request."""
    return _file(prove_request(actor=request.actor, request_id=id))


def _file(file: ProofFile) -> HttpResponse:
    disposition = f'attachment; filename="{file.name}"'
    return HttpResponse(file.content, content_type="application/json", headers={"Content-Disposition": disposition})


def about_event(request: TenantRequest, index: int) -> dict[str, Any]:
    """What a template needs of an event. Raises NotFound."""
    found = trail.get_event_at(request.actor, index)
    detail = found.detail or {}
    status = trail.chain_status(request.actor)
    return {
        "event": found,
        "checked": found.computed_hash() == bytes(found.hash) and _fits(found.detail_matches),
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
        "waiting_title": "This event fits its hash",
        **_proved(request, Log.ADMIN, index, found.document()),
    }


def _fits(detail_matches: Callable[[], bool]) -> bool:
    """Whether the sealed detail is the one that was committed to, as far as anybody can still tell."""
    try:
        return detail_matches()
    except KeyGone:
        return True
    except ValueError:
        return False


def _proved(request: TenantRequest, log: Log, index: int, document: bytes) -> dict[str, Any]:
    """By which checkpoint it can be shown to a stranger, if one covers it yet, and whether it does lead there."""
    checkpoint = selectors.checkpoint_at_least(environment_of(request.actor), log, index)
    if checkpoint is None:
        return {"checkpoint": None}
    steps = selectors.steps_to(checkpoint, index, document)
    return {
        "contradicted": steps is None,
        "checkpoint": checkpoint,
        "proof_title": f"Proved by the checkpoint over {checkpoint.size:,} entries",
        "proof_steps": steps,
        "witnessed": checkpoint.cosignatures.count(),
    }
