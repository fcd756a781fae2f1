"""What proves the trail: the chain, checkpoints, who keeps copies of them, and the archive."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from archive.actions import archive_now
from archive.buckets import bucket
from archive.selectors import archive_status
from audit import selectors as trail
from audit.tags import Log
from evidence import selectors
from evidence.selectors import LogState
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.web.portal import to
from hq.web.request import TenantRequest

CHECKPOINTS = 10
TITLES = {Log.ADMIN: "Administrative events", Log.ACCESS: "Requests"}


def integrity(request: TenantRequest, **where: str) -> HttpResponse:
    """Status now, the last full check, checkpoints, witnesses, the archive, and what does not fit explained."""
    actor = request.actor
    logs = [_log(actor, state) for state in selectors.list_logs(actor)]
    place = bucket()
    context = {
        "logs": logs,
        "broken": [log for log in logs if log["status"].state == "broken"],
        "contradicted": [log for log in logs if log["state"].incident and log["state"].state == "contradicted"],
        "unverified": any(log["status"].length and log["status"].verified_at is None for log in logs),
        "empty": not any(log["status"].length for log in logs),
        "witnesses": selectors.witnesses(),
        "mail_witnesses": selectors.list_mail_witnesses(actor),
        "archives": archive_status(actor, place.where, lockable=place.lockable),
        "archive_where": place.where,
        "archive_lockable": place.lockable,
        "may_verify": gate.allows(actor, Permission.AUDIT_VERIFY),
        "may_ask": gate.allows(actor, Permission.WEBHOOKS_MANAGE),
    }
    return render(request, "overview/integrity.html", context)


@require_POST
def archive(request: TenantRequest, **where: str) -> HttpResponse:
    """Archive both logs up to now, and compare them with what the archive keeps."""
    archive_now(actor=request.actor)
    messages.success(request, "Both logs go into the archive up to now, and are compared with what it keeps.")
    return to("integrity", where)


def _log(actor: Actor, state: LogState) -> dict[str, Any]:
    log, checkpoint = Log(state.log), state.checkpoint
    status = trail.chain_status(actor, log)
    return {
        "title": TITLES[log],
        "state": state,
        "status": status,
        "checkpoints": [
            {"checkpoint": each, "root": bytes(each.root).hex()}
            for each in selectors.list_checkpoints(actor, log, below=None, limit=CHECKPOINTS)[:CHECKPOINTS]
        ],
        "root": bytes(checkpoint.root).hex() if checkpoint else "",
        "waiting": max(status.length - (checkpoint.size if checkpoint else 0), 0),
        "key": state.keys[0] if state.keys else "",
    }
