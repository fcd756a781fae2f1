"""The page of an organization's keys: how they are, what is being done with them, and what was."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django_htmx.http import HttpResponseClientRefresh

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.clock import now
from hq.web.portal import own_context, to
from hq.web.request import TenantRequest
from keys import selectors
from keys.actions.upkeep import MOST_USES
from keys.models import Cmk, Destruction, Holding, Rotation
from keys.providers import KeyState
from keys.registry import holders
from keys.selectors import KeyList, Seen
from keys.views import progress, told

VERBS = ("ROTATE", "MOVE", "DESTROY", "APPROVE_DESTRUCTION")


@own_context
def key_list(request: TenantRequest, **_: str) -> HttpResponse:
    """Everything on one page. The provider is asked once, outside of the transaction: it may be AWS."""
    actor = request.actor
    with tenant(actor.organization_id):
        keys = selectors.list_keys(actor)
        cmk = selectors.get_key(actor, keys.cmk.id) if keys.cmk else None
    seen = selectors.look_at_provider(actor, cmk) if cmk else Seen("", "")
    with tenant(actor.organization_id):
        context = _context(actor, keys, cmk, seen) if cmk else {}
        return render(request, "keys/list.html", {"keys": keys, "cmk": cmk, "seen": seen, **context})


def _context(actor: Actor, keys: KeyList, cmk: Cmk, seen: Seen) -> dict[str, Any]:
    held = selectors.list_held(actor)
    rotations = selectors.list_rotations(actor)
    newest = rotations[0] if rotations else None
    wishes = selectors.list_destructions(actor)
    under_way = progress.of(actor, newest, held)
    place, place_note = told.place_of(cmk)
    return {
        "chip": _chip(cmk, seen, wishes, under_way),
        "place": place,
        "place_note": place_note,
        "protects": selectors.protected_by(held.values()),
        "progress": under_way,
        "incomplete": newest if newest and newest.state == Rotation.State.INCOMPLETE else None,
        "asked": [wish for wish in wishes if wish.state == Destruction.State.REQUESTED],
        "scheduled": [wish for wish in wishes if wish.state == Destruction.State.SCHEDULED],
        "erased": next((wish for wish in wishes if wish.erases and wish.state == Destruction.State.DONE), None),
        "destroyed": [wish for wish in wishes if wish.state == Destruction.State.DONE],
        "others": selectors.list_other_keys(actor),
        "most_uses": MOST_USES,
        "days_left": (keys.cmk.next_rotation_on - now().date()).days if keys.cmk and keys.cmk.next_rotation_on else 0,
        **_history(actor, keys, seen, rotations, wishes),
        **_data_keys(actor, keys, seen, held),
        **{f"may_{verb.lower()}": gate.allows(actor, Permission[f"KEYS_{verb}"]) for verb in VERBS},
    }


def _history(
    actor: Actor, keys: KeyList, seen: Seen, rotations: Sequence[Rotation], wishes: Sequence[Destruction]
) -> dict[str, Any]:
    """Versions and the newest statement."""
    ids = [*(row.statement_id for row in rotations), *(row.statement_id for row in wishes)]
    statements = selectors.list_statements(actor, ids)
    first = selectors.get_first_key(actor) if len(rotations) < selectors.SHOWN else None
    evidence = None
    if statements:
        newest = max(statements.values(), key=lambda statement: statement.issued_at)
        rotation = next((row for row in rotations if row.statement_id == newest.id), None)
        evidence = told.evidence_of(newest)
        evidence = told.with_entry(actor, evidence, rotation) if rotation else evidence
    return {
        "versions": told.versions(first, rotations, statements, seen.state),
        "evidence": evidence,
        "asked_by": told.asked_by(rotations[0]) if rotations and rotations[0].state in Rotation.UNFINISHED else "",
    }


def _data_keys(actor: Actor, keys: KeyList, seen: Seen, held: Mapping[str, Holding]) -> dict[str, Any]:
    """Each with who used it last and, if it is the newest, what stands under it."""
    names = told.users(actor, keys.data_keys)
    shut = seen.state not in {"", KeyState.ENABLED}  # a data key is no better than the key that wraps it
    lines = [
        (replace(line, state=seen.state if shut else line.state), names.get(line.id, "")) for line in keys.data_keys
    ]
    newest = {line.purpose: line.version for line in sorted(keys.data_keys, key=lambda line: line.version)}
    current = [pair for pair in lines if pair[0].version == newest[pair[0].purpose]]
    protects = _by_purpose(actor, held)
    return {
        "current": [(line, user, protects.get(line.purpose)) for line, user in current],
        "older": [(*pair, None) for pair in lines if pair not in current],
        "last_used": max(((line.last_used_at, user) for line, user in lines if line.last_used_at), default=None),
    }


def _by_purpose(actor: Actor, held: Mapping[str, Holding]) -> dict[str, Any]:
    """What stood under the data keys of each purpose at the last daily count."""
    purposes = {holder.name: str(holder.purpose) for holder in holders(actor.organization_id)}
    return {
        purpose: selectors.protected_by(row for name, row in held.items() if purposes.get(name) == purpose)
        for purpose in purposes.values()
    }


def _chip(
    cmk: Cmk, seen: Seen, wishes: Sequence[Destruction], under_way: progress.Progress | None
) -> tuple[str, str, str]:
    """State, words and symbol beside the heading: what matters most, and only that."""
    wanted = {wish.state for wish in wishes if wish.erases}
    pending = Destruction.State.SCHEDULED in wanted or seen.state == KeyState.PENDING_DELETION
    rows = [
        (seen.state == KeyState.DESTROYED, ("refused", "Destroyed", "")),
        (pending, ("broken", "Destruction scheduled", "trash-2")),
        (seen.state == KeyState.DISABLED, ("broken", f"Disabled in {cmk.kept_in}", "")),
        (not seen.state, ("broken", "Cannot be used", "")),
        (Destruction.State.REQUESTED in wanted, ("due", "Destruction asked for", "")),
        (under_way is not None, _chip_of(under_way) if under_way else ("", "", "")),
        (cmk.overdue_at is not None, ("due", "Rotation overdue", "")),
    ]
    return next((chip for applies, chip in rows if applies), ("ok", "In use", ""))


def _chip_of(under_way: progress.Progress) -> tuple[str, str, str]:
    rotation = under_way.rotation
    if under_way.state == "paused":
        return "idle", "Rotation paused", "pause"
    if under_way.state == "failed":
        return "due", "Rotation waits", ""
    if rotation.from_cmk_id:
        return "running", f"Moving to {rotation.cmk.kept_in}", ""
    return "running", f"Rotating to version {rotation.to_version or rotation.cmk.version + 1}", ""


def rotation_progress(request: TenantRequest, **where: str) -> HttpResponse:
    """The section of the page that asks for itself again. Once more has changed than it shows, the whole page does."""
    actor = request.actor
    rotations = selectors.list_rotations(actor, limit=1)
    found = progress.of(actor, rotations[0] if rotations else None, selectors.list_held(actor))
    if not request.headers.get("HX-Request"):
        return to("keys:list", where)
    if found is None or found.stamp != request.GET.get("seen"):
        return HttpResponseClientRefresh()
    context = {"progress": found, "may_rotate": gate.allows(actor, Permission.KEYS_ROTATE)}
    return render(request, "keys/_progress.html", context)
