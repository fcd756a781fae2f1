"""How an organization's pages look to its signers: one colour that can be read, and a mark.

A colour is used as letters on the light page and as ground below white letters, so it has to stand out from white. For
the dark page HQ takes the nearest lighter one of the same hue by itself: none stands out from both (WCAG 2.2, 1.4.3).
"""

import colorsys
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import Final

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.locks import hold
from hq.lib.clock import now
from hq.lib.ids import new_id
from signing.actions.faults import CannotBeSigned, fault
from signing.models import Brand
from signing.paper.images import BadImage, clean_png

LEAST: Final = 4.5
WHITE, DARK = "#ffffff", "#13181a"  # the surfaces of both themes: static/hq/tokens.css
COLOUR_DEFAULT: Final = "#006368"
MARK_CHARACTERS: Final = 65_536  # in base64
_COLOUR = re.compile(r"#[0-9a-f]{6}")


class TooFaint(CannotBeSigned):
    """This colour cannot be read on white."""


@dataclass(frozen=True, slots=True)
class Shades:
    """A colour on the light page and on the dark one, with how far each stands out."""

    light: str
    dark: str
    on_light: float
    on_dark: float


def contrast(one: str, other: str) -> float:
    """How far two colours stand out from each other, from 1 to 21 (WCAG 2.2, contrast ratio)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def nearest(colour: str, ground: str) -> str:
    """The colour of the same hue, as little darker or lighter as does, that stands out from the ground."""
    if contrast(colour, ground) >= LEAST:
        return colour
    hue, light, saturation = colorsys.rgb_to_hls(*_parts(colour))
    step = -0.005 if _luminance(ground) > 0.5 else 0.005
    while True:
        light = min(max(light + step, 0.0), 1.0)
        made = _written(colorsys.hls_to_rgb(hue, light, saturation))
        if contrast(made, ground) >= LEAST or light in {0.0, 1.0}:
            return made


def shades_of(colour: str) -> Shades:
    """As both pages show it."""
    light, dark = nearest(colour, WHITE), nearest(colour, DARK)
    return Shades(light, dark, contrast(light, WHITE), contrast(dark, DARK))


def find_brand(actor: Actor) -> Brand | None:
    """The organization's, if it chose one."""
    return Brand.objects.filter(organization_id=actor.organization_id).first()


def change_brand(*, actor: Actor, colour: str, mark: bytes | None = None, keep_mark: bool = True) -> Brand:
    """Another colour, or mark: a PNG. Without one, the mark that there is stays unless `keep_mark` is False.

    Raises Denied, TooFaint, CannotBeSigned.
    """
    gate.require(actor, Permission.POLICY_CHANGE)
    colour = colour.strip().lower()
    if not _COLOUR.fullmatch(colour):
        raise fault("/colour", "A colour is written as #006368: six hexadecimal digits.")
    ratio = contrast(colour, WHITE)
    if ratio < LEAST:
        better = nearest(colour, WHITE)
        detail = f"It stands out from white by {_floor(ratio)} to 1, and 4.5 to 1 can be read. {better} does."
        raise TooFaint(detail, errors=[{"pointer": "/colour", "detail": detail}])
    picture = _picture(mark) if mark is not None else None
    hold(f"hq.signing.brand:{actor.organization_id}")  # there may be no row yet to lock
    row = find_brand(actor) or Brand(id=new_id(), organization_id=actor.organization_id)
    before = {"colour": row.colour or None, "mark": bool(row.mark)}
    row.colour, row.changed_at = colour, now()
    if picture is not None or not keep_mark:
        row.mark = picture
    row.save()
    after = {"colour": row.colour, "mark": bool(row.mark)}
    target = Target("brand", row.id, "Pages of signers")
    recorder.record(actor, Tag.BRAND_CHANGED, target=target, before=before, after=after)
    return row


def _picture(mark: bytes) -> str:
    try:
        clean = clean_png(mark)
    except BadImage as error:
        raise fault("/mark", str(error)) from error
    text = b64encode(clean).decode()
    if len(text) > MARK_CHARACTERS:
        raise fault("/mark", f"A mark has at most {MARK_CHARACTERS * 3 // 4 // 1024} kB as a PNG. This one is larger.")
    return text


def _parts(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _written(parts: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(min(max(part, 0.0), 1.0) * 255):02x}" for part in parts)


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _floor(ratio: float) -> str:
    """Never rounded up to what would do."""
    return f"{int(ratio * 10) / 10:.1f}"
