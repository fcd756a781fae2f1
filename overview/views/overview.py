"""The first page of an environment: what is there, what needs you, what happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import localtime

from audit import selectors as trail
from audit.selectors import ChainStatus, Day, Filters
from audit.tags import Tag
from audit.told import TOLD
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.web.request import TenantRequest
from hq.web.templatetags._text import middle
from hq.web.templatetags._time import long_date
from keys import selectors as keys
from keys.selectors import Worry
from sharing import selectors as sharing
from tenants import selectors as tenants
from vault import selectors as vault
from vault.selectors import BucketStats

RECENT = 6
SHORT = 30  # days


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits for this person, and the page where it is done."""

    title: str
    text: str
    url: str
    verb: str
    icon: str
    tone: str = ""


def overview(request: TenantRequest, **where: str) -> HttpResponse:
    actor = request.actor
    organization = tenants.get_organization(actor)
    status = trail.chain_status(actor)
    may_read_trail = gate.allows(actor, Permission.AUDIT_READ)
    bucket = vault.bucket_stats(actor) if gate.allows(actor, Permission.OBJECTS_READ) else None
    shares = sharing.count_states(actor) if gate.allows(actor, Permission.SHARES_READ) else None
    context: dict[str, Any] = {
        "status": status,
        "region": organization.region,
        "key": keys.list_keys(actor).cmk if gate.allows(actor, Permission.KEYS_READ) else None,
        "bucket": bucket,
        "shares": shares,
        "newer": status.length - status.verified_length,
        "days": _drawn(trail.activity(actor)) if may_read_trail else None,
        "recent": _recent(actor) if may_read_trail else None,
        "needs": [
            *_chain_needs(actor, status, where),
            *_key_needs(actor, where),
            *_first_steps(actor, bucket, shares, where),
            *_people_needs(actor, where),
        ],  # most pressing first; empty is a good answer
        "may_upload": gate.allows(actor, Permission.OBJECTS_WRITE),
        "may_share": gate.allows(actor, Permission.SHARES_CREATE),
    }
    return render(request, "overview/overview.html", context)


def _drawn(days: Sequence[Day]) -> list[dict[str, Any]]:
    """The days of the chart: fewer for a young organization, and none left unverified before there was a chain."""
    first = next((day.date for day in days if day.events or day.verified), days[-1].date)
    shown = days[-SHORT:] if first > days[-SHORT].date else days
    return [
        {
            "date": day.date,
            "events": day.events,
            "refused": day.refused,
            "verified": day.verified if day.date >= first else None,
        }
        for day in shown
    ]


def _recent(actor: Actor) -> list[dict[str, Any]]:
    """The newest events as sentences."""
    events = trail.list_events(actor, Filters(), before=None, limit=RECENT)[:RECENT]
    return [{"event": event, **_told(event.tag, event.target_label, event.index)} for event in events]


def _told(tag: str, target: str, index: int) -> dict[str, str]:
    icon, sentence = TOLD[Tag(tag)]
    return {"icon": icon, "words": sentence.format(middle(target)), "detail": f"{tag} · #{index:,}"}


def _chain_needs(actor: Actor, status: ChainStatus, where: dict[str, str]) -> list[Need]:
    url = reverse("audit", kwargs=where)
    if status.state == "broken":
        text = f"Event {status.first_bad:,} does not fit. Reason: {status.reason}."
        return [Need("Look at the broken audit chain", text, url, "Look", "triangle-alert", "broken")]
    if status.state == "waiting" and gate.allows(actor, Permission.AUDIT_VERIFY):
        text = f"{status.length:,} events, never verified in this environment."
        return [Need("Verify the audit chain once", text, url, "Verify", "link")]
    return []


def _key_needs(actor: Actor, where: dict[str, str]) -> list[Need]:
    """What waits for those who look after keys; who only reads them can do nothing about it."""
    if not gate.allows(actor, Permission.KEYS_ROTATE):
        return []
    url = reverse("keys:list", kwargs=where)
    return [_key_need(worry, url) for worry in keys.worries(actor)]


def _key_need(worry: Worry, url: str) -> Need:
    on = long_date(localtime(worry.at).date())
    match worry.kind:
        case "scheduled":
            text = f"On {on}. Until then you can cancel it."
            return Need("A key is about to be destroyed", text, url, "Look", "trash-2", "broken")
        case "asked" if worry.own:
            return Need("Your wish to destroy a key waits", "Somebody else has to agree.", url, "Look", "hourglass")
        case "asked":
            text = f"{worry.by} asks for it and needs a second person."
            return Need("Decide on destroying a key", text, url, "Decide", "triangle-alert", "due")
        case "incomplete":
            text = f"Some rows did not open on {on}. The page of keys says how many."
            return Need("Look at a rotation that is not complete", text, url, "Look", "triangle-alert", "broken")
        case "paused":
            text = f"Since {on}. What is not re-encrypted yet stays under the older version."
            return Need("Go on with a paused rotation", text, url, "Look", "pause", "due")
    text = f"Due since {on}. The page of keys says what stands in the way."
    return Need("Rotate the organization key", text, url, "Rotate", "refresh-cw", "due")


def _first_steps(
    actor: Actor, bucket: BucketStats | None, shares: dict[str, int] | None, where: dict[str, str]
) -> list[Need]:
    found = []
    empty = gate.allows(actor, Permission.OBJECTS_WRITE) and bucket is not None and bucket.objects == 0
    if empty:
        text = "Nothing is stored in this environment yet."
        found.append(Need("Put the first file in", text, reverse("vault:browse", kwargs=where), "Upload", "upload"))
    unshared = gate.allows(actor, Permission.SHARES_CREATE) and shares is not None and not any(shares.values())
    if unshared and not empty:
        text = "A link opens once, for minutes, and you see who opened it."
        found.append(Need("Share a file", text, reverse("vault:browse", kwargs=where), "Choose", "link"))
    return found


def _people_needs(actor: Actor, where: dict[str, str]) -> list[Need]:
    if not gate.allows(actor, Permission.MEMBERS_INVITE):
        return []
    url = reverse("people", kwargs=where)
    lapsed = sum(invitation.state == "expired" for invitation in tenants.list_invitations(actor))
    owners = sum(member.role == "owner" for member in tenants.list_members(actor))
    found = []
    if lapsed:
        text = f"{lapsed} of them lapsed unused."
        found.append(Need("Renew or drop old invitations", text, url, "Open", "user-plus"))
    if owners == 1:
        text = "If the only owner is away, nobody can act for them."
        found.append(Need("Name a second owner", text, url, "Name", "user-plus"))
    return found
