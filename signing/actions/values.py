"""What a signer filled in: taken, checked, and put into the one form whose hash stands in the chain.

    fields digest = SHA-256(RFC 8785 of {"fields": [{"number", "kind", "value"}…], "signature": {…}})

with the fields in order of their numbers; of a signature or initials field the value is that of `signature`.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from hashlib import sha256
from typing import Any, Final

from hq.lib.canonical import canonical
from hq.lib.clock import now
from hq.lib.errors import FieldError
from hq.lib.text import NO_CONTROL, is_plain
from signing.actions.faults import NotAllFilled, fault
from signing.models import Field
from signing.models.signers import NAME_LENGTH, VALUE_LENGTH
from signing.paper.images import BadImage, clean_png

HOWS: Final = ("typed", "drawn", "uploaded")
STROKES_MOST, POINTS_MOST, IMAGE_MOST = 200, 5_000, 200_000
Kind = Field.Kind
BY_SIGNATURE: Final = (Kind.SIGNATURE, Kind.INITIALS)


@dataclass(frozen=True, slots=True)
class Filled:
    """A signature in its one form, and every field's value beside it, as the chain tells them."""

    signature: Mapping[str, Any]
    told: list[dict[str, Any]]


def digest_of(filled: Filled) -> str:
    """SHA-256 in hexadecimal."""
    return sha256(canonical({"fields": filled.told, "signature": dict(filled.signature)})).hexdigest()


def take_values(fields: Sequence[Field], values: Mapping[int, str]) -> None:
    """Keep what was typed in, field by field. Raises CannotBeSigned for a value that a field cannot have."""
    for one in fields:
        if one.number in values and one.kind not in BY_SIGNATURE:
            one.value = _value(one, values[one.number]) or None
            one.save(update_fields=["value"])


def check_filled(fields: Sequence[Field], signature: Mapping[str, Any]) -> Filled:
    """Everything that must be there is. A date that was left empty is today. Raises NotAllFilled, CannotBeSigned."""
    clean = clean_signature(signature)
    missing = []
    for one in fields:
        if one.kind == Kind.DATE and one.value is None:
            one.value = now().astimezone(UTC).date().isoformat()
            one.save(update_fields=["value"])
        if one.kind in BY_SIGNATURE:
            if one.kind == Kind.INITIALS and not clean.get("initials"):
                missing.append(one)
        elif one.required and not one.value:
            missing.append(one)
    if missing:
        errors: list[FieldError] = [
            {"pointer": f"/values/{one.number}", "detail": f"{one.label or one.get_kind_display()} is not filled in."}
            for one in missing
        ]
        raise NotAllFilled(errors=errors)
    told = [{"number": one.number, "kind": one.kind, "value": one.value or ""} for one in fields]
    return Filled(signature=clean, told=told)


def clean_signature(signature: Mapping[str, Any]) -> dict[str, Any]:
    """{"how", and "text", "strokes" or "image"; "initials"}. Raises CannotBeSigned."""
    how = signature.get("how")
    if how not in HOWS:
        raise fault("/signature/how", "A signature is typed, drawn or uploaded.")
    clean: dict[str, Any] = {"how": how}
    if how == "typed":
        clean["text"] = _line("/signature/text", signature.get("text"), "Type your name as your signature.")
    elif how == "drawn":
        clean["strokes"] = _strokes(signature.get("strokes"))
    else:
        clean["image"] = _image(signature.get("image"))
    if signature.get("initials"):
        clean["initials"] = _line("/signature/initials", signature["initials"], "Type your initials.")[:10]
    return clean


def _value(one: Field, raw: str) -> str:
    at, text = f"/values/{one.number}", raw.strip()
    if one.kind == Kind.CHECKBOX:
        return "yes" if text in {"yes", "on", "true"} else ""
    if one.kind == Kind.DATE and text:
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise fault(at, "A date is written as 2026-11-22.") from None
    if len(text) > VALUE_LENGTH or "\r" in text or not is_plain(text):
        raise fault(at, f"At most {VALUE_LENGTH} characters, and no control characters.")
    return text


def _line(at: str, raw: object, words: str) -> str:
    if not isinstance(raw, str) or not raw.strip() or len(raw) > NAME_LENGTH or not re.match(NO_CONTROL, raw):
        raise fault(at, words)
    return raw.strip()


def _strokes(raw: object) -> list[list[list[int]]]:
    """Lines of points in thousandths of the pad, as whole numbers: they have one form."""
    at, words = "/signature/strokes", "Draw your signature, or type it."
    if not isinstance(raw, list) or not 1 <= len(raw) <= STROKES_MOST:
        raise fault(at, words)
    strokes = []
    for line in raw:
        if not isinstance(line, list) or not line:
            raise fault(at, words)
        strokes.append([_point(at, point) for point in line])
    if sum(len(line) for line in strokes) > POINTS_MOST:
        raise fault(at, "This drawing has too many points. Draw it more simply, or type your name.")
    return strokes


def _point(at: str, raw: object) -> list[int]:
    parts = raw if isinstance(raw, list) else []
    if len(parts) != 2 or not all(type(part) is int and 0 <= part <= 1000 for part in parts):
        raise fault(at, "A point is two whole numbers from 0 to 1000.")
    return list(parts)


def _image(raw: object) -> str:
    at = "/signature/image"
    if not isinstance(raw, str) or len(raw) > IMAGE_MOST * 4 // 3 + 4:
        raise fault(at, f"A picture has at most {IMAGE_MOST} bytes.")
    try:
        return base64.b64encode(clean_png(base64.b64decode(raw, validate=True))).decode()
    except (binascii.Error, BadImage) as error:
        raise fault(at, "This is not a picture that can be read. Use a PNG.") from error
