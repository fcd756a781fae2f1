"""Lists of rows in a form - people, fields - that work with a button for each step, and need no script for any of them.

Each column comes as a list of its own, and `do` says which button was pressed: `save`, `add`, or a verb with the row it
is about (`up:2`, `down:2`, `remove:2`, `move:2:0`; from 0).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.http import QueryDict

from hq.lib.errors import FieldError, Invalid
from signing.actions.drafts import Person, Place, place_of
from signing.models import Field, Signer

Row = dict[str, Any]
PERSON = ("name", "email", "role", "kind", "method", "turn")
PLACE = ("signer", "kind", "page", "x", "y", "width", "height", "label", "need")
NEW_PERSON = {"name": "", "email": "", "role": "", "kind": "signer", "method": "code", "turn": "1"}
NEW_PLACE = {"x": "10", "y": "80", "width": "30", "height": "5", "label": "", "need": "yes", "page": "1", "signer": "1"}
HUNDREDTH = 10_000  # of a per cent's hundred, in millionths
SIZES = {
    "signature": ("30", "5"),
    "initials": ("10", "4"),
    "name": ("30", "3"),
    "date": ("18", "3"),
    "text": ("30", "3"),
    "checkbox": ("2.5", "1.8"),
}


def rows_of(posted: QueryDict, columns: Sequence[str], most: int) -> list[Row]:
    """The rows as they came. Raises Invalid where the columns do not fit together."""
    lists = [posted.getlist(name) for name in columns]
    if len({len(each) for each in lists}) > 1 or len(lists[0]) > most:
        raise Invalid("This form did not arrive as a whole. Reload the page.")
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*lists, strict=True)]


def done_to(rows: list[Row], act: str, new: Mapping[str, str]) -> list[Row]:
    """The rows after a button: one more, one less, two in each other's place, or one in another."""
    verb, _, raw = act.partition(":")
    if verb == "add":
        return [*rows, dict(new)]
    first, _, last = raw.partition(":")
    at = _index(first)
    if not 0 <= at < len(rows):
        return rows
    if verb == "move":
        rest = [row for index, row in enumerate(rows) if index != at]
        to = min(max(_index(last), 0), len(rest)) if last else at
        return [*rest[:to], rows[at], *rest[to:]]
    if verb == "remove":
        return [row for index, row in enumerate(rows) if index != at]
    other = at + {"up": -1, "down": 1}.get(verb, 0)
    if 0 <= other < len(rows):
        rows[at], rows[other] = rows[other], rows[at]
    return rows


def _index(raw: str) -> int:
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 5 else -1


def with_faults(rows: list[Row], faults: Sequence[FieldError]) -> tuple[list[Row], list[str]]:
    """Each fault (`/signers/2/email`) at its row and cell; the others, which belong to no row."""
    rest: list[str] = []
    for fault in faults:
        parts = fault["pointer"].strip("/").split("/")
        if len(parts) >= 2 and parts[1].isdigit() and int(parts[1]) < len(rows):
            row = rows[int(parts[1])]
            row["faults"] = {**row.get("faults", {}), (parts[2] if len(parts) > 2 else "row"): fault["detail"]}
        else:
            rest.append(fault["detail"])
    return rows, rest


def people_rows(signers: Sequence[Signer]) -> list[Row]:
    return [{name: str(getattr(one, name)) for name in PERSON} for one in signers] or [dict(NEW_PERSON)]


def people_of(rows: Sequence[Row], order: str) -> list[Person]:
    """`order` says whose turn it is when: `one` after the other, `all` at once, or as they are numbered."""
    turns: dict[str, Callable[[int, Row], int]] = {
        "one": lambda number, _: number,
        "all": lambda _, __: 1,
        "mixed": lambda _, row: _whole(row["turn"]),
    }
    if order not in turns:
        raise Invalid("Say in which order they are asked.")
    return [
        Person(
            name=row["name"],
            email=row["email"],
            role=row["role"],
            kind=row["kind"],
            method=row["method"],
            turn=turns[order](number, row),
        )
        for number, row in enumerate(rows, 1)
    ]


def order_of(signers: Sequence[Signer]) -> str:
    """Which of the three it is."""
    turns = [one.turn for one in signers]
    if len(turns) > 1 and set(turns) == {1}:
        return "all"
    return "one" if turns == list(range(1, len(turns) + 1)) else "mixed"


def place_rows(fields: Sequence[Field]) -> list[Row]:
    """In per cent of the page, as people read and type them."""
    return [place_row(place_of(field)) for field in fields]


def place_row(place: Place) -> Row:
    """One, as the form has it."""
    sizes = {name: f"{getattr(place, name) / HUNDREDTH:g}" for name in ("x", "y", "width", "height")}
    return {
        "signer": str(place.signer),
        "kind": place.kind,
        "page": str(place.page),
        **sizes,
        "label": place.label,
        "need": "yes" if place.required else "no",
    }


def places_of(rows: Sequence[Row]) -> list[Place]:
    """What is no number lies outside of every page, and is refused as that."""
    return [
        Place(
            signer=_whole(row["signer"]),
            kind=str(row["kind"]),
            page=_whole(row["page"]),
            x=_millionths(row["x"]),
            y=_millionths(row["y"]),
            width=_millionths(row["width"]),
            height=_millionths(row["height"]),
            label=str(row["label"]),
            required=row["need"] != "no",
        )
        for row in rows
    ]


def _whole(raw: object) -> int:
    text = str(raw).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _millionths(raw: object) -> int:
    text = str(raw).strip().replace(",", ".")
    whole, _, part = text.partition(".")
    digits = whole + part
    if not digits.isascii() or not digits.isdigit() or len(digits) > 12:
        return -1
    return round(float(text) * HUNDREDTH)
