"""What the components page shows: one invented organization, the same on every load apart from the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

MINUTE = timedelta(minutes=1)
HASH = "f562267f0a91bc3d77e1020958c4a6be31f09d2c5e8870aab3d6f14e9c1712d2"
REFUSED_NETWORK = "Enter a network such as 203.0.113.0/24. “203.0.113” has three parts."

FILES = [
    ("adjuster-notes/", 0, 214, False),
    ("photos/", 0, 3880, False),
    ("claims-register.parquet", 18_400_000, 0, True),
    ("loss-ratio-method.md", 46_000, 0, True),
    ("reserve-memo-q3-with-a-very-long-name-that-nobody-asked-for-final.pdf", 1_200_000, 0, False),
    ("schema.json", 8_000, 0, False),
    ("survey-flight-0911.tar.zst", 2_310_000_000, 0, False),
]
EVENTS = [
    ("Inês Carvalho", "key:rotated", "Organization key, 7 to 8", "ok", "Done"),
    ("Tomasz Wrona", "policy:updated", "Share limits", "ok", "Done"),
    ("claims-triage", "secret:revealed", "prod/stripe#3", "refused", "Refused"),
    ("Support: J. Adeyemi", "impersonation:started", "Case 4471, approved by owner", "support", "Support"),
    ("HQ", "checkpoint:signed", "Checkpoint 2,917", "proven", "Sealed"),
]
STEPS = [
    {"title": "New version", "result": "Version 8 made at 14:31:07", "state": "done"},
    {"title": "Data keys rewrapped", "result": "214 of 214, in 1.8 s", "state": "done"},
    {"title": "Rows re-encrypted", "result": "68%, about 4 min left", "state": "now"},
    {"title": "Version 7 retired", "result": "When nothing uses it", "state": "todo"},
]
TOASTS = [
    {"message": "Link revoked. Nobody can open it now.", "level_tag": "success", "extra_tags": "/components 184,241"},
    {"message": "Not revoked. The link was already spent.", "level_tag": "error"},
]
BEFORE = {"share": {"max_ttl": 604800, "password_required": False}, "secret": {"redacted": "a"}}
AFTER = {
    "share": {"max_ttl": 86400, "password_required": True},
    "secret": {"redacted": "b"},
    "note": "Auditor needs a shorter life",
}


class SampleForm(forms.Form):
    """One field of each kind, one of them refused."""

    purpose = forms.CharField(label="What is it for?", help_text="Shown to the recipient and kept in the audit trail.")
    network = forms.CharField(label="Allowed network")
    role = forms.ChoiceField(label="Role", choices=[("member", "Member"), ("admin", "Admin")])
    level = forms.ChoiceField(
        label="They can",
        widget=forms.RadioSelect,
        choices=[("read", "Read|Open and download"), ("write", "Write|Also replace these files")],
    )
    life = forms.ChoiceField(
        label="Must be opened within",
        widget=forms.RadioSelect,
        choices=[("15m", "15 min"), ("1h", "1 hour"), ("1d", "1 day"), ("7d", "7 days"), ("other", "Other")],
    )
    password_too = forms.BooleanField(label="Also tell me by e-mail", required=False)
    note = forms.CharField(label="Note", widget=forms.Textarea(attrs={"rows": 3}), required=False)

    def clean_network(self) -> str:
        raise forms.ValidationError(REFUSED_NETWORK)


def _days(now: datetime) -> list[dict[str, Any]]:
    """Ninety days of work weeks, one burst of refusals, one night without a check."""
    days = []
    for index in range(90):
        day = now.date() - timedelta(days=89 - index)
        wave = (index * 37) % 61
        busy = 90 + wave if day.weekday() >= 5 else 420 + 7 * wave
        refused = {58: 9, 59: 16, 60: 6}.get(index, (index * 7) % 5 // 3)
        days.append({"date": day, "events": busy, "refused": refused, "verified": index != 37})
    return days


def _life(now: datetime, *points: tuple[float, str, str]) -> list[dict[str, Any]]:
    return [{"at": now + offset * MINUTE, "kind": kind, "label": label} for offset, kind, label in points]


def sample() -> dict[str, Any]:
    """Everything templates/components.html needs."""
    now = timezone.now()
    values = {"purpose": "Q3 claims for the Lindqvist audit", "role": "member", "level": "read", "life": "15m"}
    fields = ("name", "size", "count", "on")
    return {
        "now": now,
        "earlier": now - 12 * MINUTE,
        "later": now + 35 * MINUTE,
        "size": 48_200_000_000,
        "hash": HASH,
        "days": _days(now),
        "files": [
            {**dict(zip(fields, file, strict=True)), "version": 4, "at": now - MINUTE * 540 * index, "by": "ci-deploy"}
            for index, file in enumerate(FILES)
        ],
        "events": [
            dict(
                zip(("actor", "action", "target", "state", "outcome"), event, strict=True),
                number=184_229 - index,
                at=now - 3 * index * MINUTE,
                open=index == 1,
            )
            for index, event in enumerate(EVENTS)
        ],
        "classes": [("customer", "Customer content"), ("metadata", "Metadata")],
        "changed": [("day", "today"), ("week", "this week")],
        "form": SampleForm({**values, "network": "203.0.113"}),
        "dialog": SampleForm(initial=values, auto_id="dialog_%s"),
        "before": BEFORE,
        "after": AFTER,
        "life": _life(
            now,
            (-9, "created", "Created"),
            (-5, "opened", "Opened"),
            (-3.4, "refused", "Refused"),
            (-2, "refused", "Refused"),
            (10, "end", "Access ends"),
        ),
        "life_spent": _life(now, (-90, "created", "Created"), (-50, "opened", "Opened"), (-20, "revoked", "Revoked")),
        "steps": STEPS,
        "toasts": TOASTS,
    }
