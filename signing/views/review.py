"""What a draft still lacks, and what will happen once it is sent."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from hq.lib.clock import now
from hq.lib.text import plural
from signing import selectors
from signing.models import Agreement, Field, Signer
from signing.paper.text import Marker, Written

ORDERS = [
    ("one", "One after the other", "Each is asked once the one before has signed"),
    ("all", "All at once", "Everybody is asked now"),
    ("mixed", "By number", "The same number goes side by side"),
]
KINDS = [("signer", "Signs"), ("approver", "Approves"), ("viewer", "Only sees it")]
METHODS = [("code", "A code by mail"), ("link", "The link alone"), ("passkey", "A passkey, beside the code")]
STEPS = [
    ("document", "Document"),
    ("people", "People"),
    ("fields", "Fields"),
    ("terms", "Message and time"),
    ("review", "Review and send"),
]
LABELS = dict(Field.Kind.choices)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place to fill in, whichever document it stands in: whose (their position), and what."""

    signer: int
    kind: str


def place_holder(marker: Marker) -> SafeString:
    """A marker as its author sees it: whose it is by number and colour, and what."""
    return format_html(
        '<span class="hq-slot is-s{}"><b>{}</b> {}{}{}</span>',
        (marker.signer - 1) % 6 + 1,
        marker.signer,
        LABELS[marker.kind],
        f": {marker.label}" if marker.label else "",
        "" if marker.required else " (optional)",
    )


def of_draft(found: Agreement, here: str, where: Mapping[str, str], written: Written | None = None) -> dict[str, Any]:
    """What every page of a draft shows: where in its preparation one is, and what is done."""
    signers = selectors.list_signers(found)
    marks = _marks(found, written)
    done = {
        "document": True,
        "people": any(one.kind == Signer.Kind.SIGNER for one in signers),
        "fields": bool(signers) and not _unplaced(signers, marks) if marks is not None else bool(signers),
        "terms": True,
    }
    steps = [
        {
            "title": title,
            "url": reverse(f"signing:{name}", kwargs={**where, "id": found.pk}),
            "now": name == here,
            "done": done.get(name, False),
        }
        for name, title in STEPS
    ]
    return {"agreement": found, "steps": steps, "is_text": found.source == Agreement.Source.TEXT}


def _marks(found: Agreement, written: Written | None) -> list[Mark] | None:
    """Of a text that nobody has read yet, nothing is known."""
    if found.source == Agreement.Source.TEXT:
        return [Mark(marker.signer, marker.kind) for marker in written.markers] if written else None
    return [Mark(field.signer.position, field.kind) for field in selectors.list_fields(found)]


def _unplaced(signers: list[Signer], marks: list[Mark]) -> list[Signer]:
    """Those who sign and have nowhere to."""
    placed = {mark.signer for mark in marks if mark.kind == Field.Kind.SIGNATURE}
    return [one for one in signers if one.kind == Signer.Kind.SIGNER and one.position not in placed]


def markers_of(written: Written, signers: list[Signer]) -> list[dict[str, Any]]:
    """The markers of a text, each with whose it is."""
    by_position = {one.position: one for one in signers}
    return [
        {
            "marker": marker,
            "label": LABELS[marker.kind],
            "signer": by_position.get(marker.signer),
            "colour": (marker.signer - 1) % 6 + 1,
        }
        for marker in written.markers
    ]


def summary_of(found: Agreement, written: Written | None) -> dict[str, Any]:
    """Who is asked when, for what, and what still stands in the way."""
    signers = selectors.list_signers(found)
    marks = _marks(found, written) or []
    counted = Counter(mark.signer for mark in marks)
    turns: dict[int, list[dict[str, Any]]] = {}
    for one in sorted(signers, key=lambda each: (each.turn, each.position)):
        turns.setdefault(one.turn, []).append(
            {"signer": one, "colour": (one.position - 1) % 6 + 1, "asked": _asked(one, counted[one.position])}
        )
    return {
        "turns": [
            {"title": "First" if not at else "Then", "people": people} for at, people in enumerate(turns.values())
        ],
        "problems": _problems(signers, marks),
        "ends_at": now() + timedelta(days=found.days),
    }


def _asked(one: Signer, fields: int) -> str:
    if one.kind == Signer.Kind.VIEWER:
        return "only sees it"
    if one.kind == Signer.Kind.APPROVER:
        return "approves it, without a field"
    return f"signs, {plural(fields, 'field')}"


def _problems(signers: list[Signer], marks: list[Mark]) -> list[tuple[str, str]]:
    """Each with the step where it is mended."""
    if not any(one.kind == Signer.Kind.SIGNER for one in signers):
        return [("people", "Nobody signs it yet. Add a signer.")]
    signing = {one.position for one in signers if one.kind == Signer.Kind.SIGNER}
    lost = sorted({mark.signer for mark in marks} - signing)
    found = [("people", f"The text asks signer {number} to fill something in, and there is none.") for number in lost]
    return found + [
        ("fields", f"{one.name} has no place to sign at. Place a signature field.") for one in _unplaced(signers, marks)
    ]
