"""Fields placed on the pages of a PDF, of a draft or of a template: one board for both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hq.lib.errors import Invalid
from hq.web.request import TenantRequest
from signing.actions.drafts import Place
from signing.models import Field
from signing.models.agreements import FIELDS_MOST
from signing.views import sheets

TORN = "This form did not arrive as a whole. Reload the page."


@dataclass(frozen=True, slots=True)
class Part:
    """Whom a field can belong to: their number, and what the page calls them."""

    position: int
    name: str
    role: str = ""


@dataclass(slots=True)
class Board:
    """The pages (`original` is their address), who fills in, and what is placed so far."""

    original: str
    pages: int
    parts: Sequence[Part]
    placed: list[sheets.Row]


def placed_on(board: Board, request: TenantRequest, keep: Callable[[Sequence[Place]], object]) -> list[str] | None:
    """What the buttons of the page do. None once all was kept; otherwise what is wrong and belongs to no field."""
    if request.method != "POST":
        return []
    act, board.placed = request.POST.get("do", "save"), _placed(request)
    if act.startswith(("add", "remove")):
        board.placed = sheets.done_to(board.placed, act.replace("add:", "add"), _new_place(request, board.parts))
        return []
    try:
        keep(sheets.places_of(board.placed))
    except Invalid as refused:
        board.placed, faults = sheets.with_faults(board.placed, refused.errors)
        return faults
    return None


def context_of(board: Board, faults: list[str]) -> dict[str, Any]:
    return {
        "board": board,
        "rows": board.placed,
        "faults": faults,
        "wrong": bool(faults) or any("faults" in row for row in board.placed),
        "signing": [(one, (one.position - 1) % 6 + 1) for one in board.parts],
        "kinds": Field.Kind.choices,
        "sizes": orjson.dumps(sheets.SIZES).decode(),
        "blank": sheets.NEW_PLACE | {"kind": "signature", "signer": _first(board.parts)},
        "full": len(board.placed) >= FIELDS_MOST,
    }


def _placed(request: TenantRequest) -> list[sheets.Row]:
    """With a script all fields come as one piece: a form of many fields would have more parts than are read."""
    raw = request.POST.get("places", "")
    if not raw:
        return sheets.rows_of(request.POST, sheets.PLACE, FIELDS_MOST)
    try:
        rows = orjson.loads(raw)
        return [{name: str(row[name]) for name in sheets.PLACE} for row in rows[: FIELDS_MOST + 1]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise Invalid(TORN) from None


def _new_place(request: TenantRequest, parts: Sequence[Part]) -> dict[str, str]:
    kind = request.POST.get("new_kind", "signature")
    width, height = sheets.SIZES.get(kind, sheets.SIZES["signature"])
    signer = request.POST.get("new_signer") or _first(parts)
    return sheets.NEW_PLACE | {"kind": kind, "width": width, "height": height, "signer": signer}


def _first(parts: Sequence[Part]) -> str:
    return str(parts[0].position) if parts else "1"
