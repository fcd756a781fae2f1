"""Where a field may lie: one rule for those of an agreement and those of a template."""

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from hq.lib.text import NO_CONTROL
from signing.actions.faults import fault
from signing.models import Field
from signing.models.agreements import FIELDS_MOST
from signing.models.signers import LABEL_LENGTH

if TYPE_CHECKING:
    from signing.actions.drafts import Place

_LINE: Final = re.compile(NO_CONTROL)
_MILLION: Final = 1_000_000


def in_order(places: Sequence["Place"]) -> list[tuple[str, "Place"]]:
    """As they are read, each with where it stood in what was given. Raises CannotBeSigned if there are too many."""
    if len(places) > FIELDS_MOST:
        raise fault("/fields", f"An agreement has at most {FIELDS_MOST} fields.")
    ordered = sorted(enumerate(places), key=lambda pair: (pair[1].page, pair[1].y, pair[1].x))
    return [(f"/fields/{given}", place) for given, place in ordered]


def check_place(place: "Place", *, signing: Collection[int], pages: int, at: str) -> str:
    """Its label, without spaces around it. `signing`: the positions of those who sign. Raises CannotBeSigned."""
    if place.signer not in signing:
        raise fault(f"{at}/signer", "A field belongs to somebody who signs.")
    if place.kind not in Field.Kind.values:
        raise fault(f"{at}/kind", f"A field is one of {', '.join(Field.Kind.values)}.")
    if not 1 <= place.page <= pages:
        raise fault(f"{at}/page", f"The document has {pages} pages.")
    inside = place.x >= 0 and place.y >= 0 and place.width > 0 and place.height > 0
    if not inside or place.x + place.width > _MILLION or place.y + place.height > _MILLION:
        raise fault(at, "A field lies on its page as a whole.")
    label = place.label.strip()
    if len(label) > LABEL_LENGTH or not _LINE.match(label):
        raise fault(f"{at}/label", f"A label has at most {LABEL_LENGTH} characters.")
    return label
