"""The fields of a signer as a form: what is shown of each, and what was sent for it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import orjson
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Invalid
from signing import selectors
from signing.actions import papers
from signing.actions.values import BY_SIGNATURE, IMAGE_MOST
from signing.models import Agreement, Field, Signer
from signing.paper.text import Marker, html_of, read_text
from signing.views.signer import Here

PREFIX = "field-"
STROKES_CHARACTERS_MOST = 200_000
# Where the page shows what an error's pointer names.
TARGETS = {
    "/signature/how": "how-typed",
    "/signature/text": "signature-text",
    "/signature/strokes": "how-drawn",
    "/signature/image": "signature-image",
    "/signature/initials": "signature-initials",
}
Kind = Field.Kind


@dataclass(frozen=True, slots=True)
class Control:
    """One field as the page shows it: the signer's own to fill in, or what another one has or has not yet."""

    number: int
    kind: str
    label: str
    page: int
    required: bool
    mine: bool
    whose: str
    value: str = ""
    fault: str = ""

    @property
    def id(self) -> str:
        return f"{PREFIX}{self.number}"

    @property
    def by_signature(self) -> bool:
        return self.kind in BY_SIGNATURE


@dataclass(slots=True)
class Sheet:
    """Everything that the page of a document shows of it."""

    controls: list[Control]
    text: SafeString | None
    signature: dict[str, Any]
    places: list[dict[str, Any]]  # for the script that lays fields over the pages of a PDF
    rows: list[dict[str, str]]  # what is to be corrected

    @property
    def mine(self) -> list[Control]:
        return [one for one in self.controls if one.mine]

    @property
    def asks_initials(self) -> bool:
        return any(one.kind == Kind.INITIALS for one in self.mine)


def sheet_of(here: Here, sent: Mapping[str, str] | None = None, refused: Invalid | None = None) -> Sheet:
    """The document and its fields; after a refusal, with what was sent. Reads the vault outside of transactions."""
    agreement = here.agreement
    faults = {one["pointer"]: one["detail"] for one in refused.errors} if refused else {}
    with tenant(agreement.organization_id):
        fields = selectors.list_fields(agreement)
        signers = {one.id: one for one in selectors.list_signers(agreement)}
    controls = [_control(here, one, signers[one.signer_id], sent, faults) for one in fields]
    places = [_place(one, control) for one, control in zip(fields, controls, strict=True) if one.page]
    signature = dict(sent or {}) or _signature(here)
    sheet = Sheet(controls=controls, text=None, signature=signature, places=places, rows=_rows(faults, refused))
    if agreement.source == Agreement.Source.TEXT:
        by_number = {one.number: one for one in controls}
        writes = here.phase == "sign"
        written = read_text(papers.read(agreement.organization_id, agreement.document_id).decode())
        sheet.text = html_of(written, lambda marker: _drawn(by_number, marker, writes=writes))
    return sheet


def values_of(request: HttpRequest) -> dict[int, str]:
    """What was typed into fields, by their numbers. Others than the signer's own are left out by the action."""
    found = {}
    for name, value in request.POST.items():
        number = name.removeprefix(PREFIX)
        if name != number and number.isdecimal() and len(number) < 6:
            found[int(number)] = str(value)
    return found


def values_sent(here: Here, request: HttpRequest) -> dict[int, str]:
    """As `values_of`, and an unticked box, which a browser does not send, says so."""
    with tenant(here.agreement.organization_id):
        boxes = [one.number for one in selectors.list_fields(here.agreement, here.signer) if one.kind == Kind.CHECKBOX]
    return dict.fromkeys(boxes, "") | values_of(request)


def signature_of(request: HttpRequest) -> dict[str, Any]:
    """How it was signed, as the action checks it."""
    sent = request.POST
    how = sent.get("how", "")
    signature: dict[str, Any] = {"how": how, "initials": sent.get("initials", "")}
    if how == "typed":
        signature["text"] = sent.get("text", "")
    elif how == "drawn":
        signature["strokes"] = _strokes(sent.get("strokes", ""))
    elif how == "uploaded":
        image = request.FILES.get("image")
        signature["image"] = base64.b64encode(image.read(IMAGE_MOST + 1)).decode() if image else ""
    return signature


def _strokes(raw: str) -> object:
    if len(raw) > STROKES_CHARACTERS_MOST:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _control(
    here: Here, one: Field, whose: Signer, sent: Mapping[str, str] | None, faults: Mapping[str, str]
) -> Control:
    mine = one.signer_id == here.signer.id
    value = one.value or ""
    if mine and sent is not None:
        value = sent.get(f"{PREFIX}{one.number}", "")
    elif mine and not value and here.phase == "sign":
        value = _proposed(here, one)
    if not mine and whose.state != Signer.State.SIGNED:
        value = ""  # what others have begun is theirs
    return Control(
        number=one.number,
        kind=one.kind,
        label=one.label or one.get_kind_display(),
        page=one.page,
        required=one.required,
        mine=mine,
        whose=whose.name,
        value=_signed(whose, one) if not mine and one.kind in BY_SIGNATURE else value,
        fault=faults.get(f"/values/{one.number}", ""),
    )


def _proposed(here: Here, one: Field) -> str:
    if one.kind == Kind.NAME:
        return here.signer.name
    return now().astimezone(UTC).date().isoformat() if one.kind == Kind.DATE else ""


def _signed(whose: Signer, one: Field) -> str:
    """Somebody else's signature in words."""
    if whose.signed_at is None:
        return ""
    name = "initials" if one.kind == Kind.INITIALS else "text"
    return str((whose.signature or {}).get(name, "")) or f"Signed by {whose.name}"


def _place(one: Field, control: Control) -> dict[str, Any]:
    return {
        "id": control.id,
        "page": one.page,
        "x": one.x,
        "y": one.y,
        "width": one.width,
        "height": one.height,
        "kind": one.kind,
        "label": control.label,
        "whose": control.whose,
        "mine": control.mine,
        "value": control.value,
    }


def _signature(here: Here) -> dict[str, Any]:
    """What was kept for a passkey to sign; else typed is chosen, and nothing is typed."""
    kept = here.signer.signature or {}
    return {"how": "typed"} | {name: kept[name] for name in ("text", "initials") if name in kept}


def _drawn(by_number: Mapping[int, Control], marker: Marker, *, writes: bool) -> SafeString:
    context = {"one": by_number[marker.number], "writes": writes}
    return mark_safe(render_to_string("signing/signer/_slot.html", context).strip())  # noqa: S308 - a template's output


def _rows(faults: Mapping[str, str], refused: Invalid | None) -> list[dict[str, str]]:
    if refused is not None and not faults:
        return [{"text": str(refused), "target": ""}]
    rows: Sequence[tuple[str, str]] = list(faults.items())
    return [{"text": text, "target": _target(pointer)} for pointer, text in rows]


def _target(pointer: str) -> str:
    _, _, number = pointer.rpartition("/values/")
    return f"{PREFIX}{number}" if pointer.startswith("/values/") else TARGETS.get(pointer, pointer.rpartition("/")[2])
