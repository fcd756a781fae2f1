"""Agreements in exports: of a sealed one the files of its bundle, of any other its document, chain and certificate.

The files of one agreement are read at one moment and stand in one volume: its statement names the hash of each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from exports.registry import BOTH, Asked, Item, LeftOut, Member, Scope, add
from hq.db.context import tenant
from signing.actions.files import AgreementFiles, files_of, page_agreements

DAMAGED = "damaged"
_AROUND = 4096  # what a member takes beside its bytes, at most: headers with its name, and up to a whole block


@dataclass(frozen=True, slots=True)
class Agreements:
    """An agreement a time: its place is its id."""

    name: str = "agreements"
    scopes: frozenset[Scope] = BOTH

    def members(self, asked: Asked, after: str) -> Iterator[tuple[str, Item]]:
        """All of the organization's, or those that the person made."""
        place, maker = after, asked.person_id if asked.scope == Scope.OWN else None
        while True:
            with tenant(asked.organization_id):
                rows = page_agreements(asked.organization_id, UUID(place) if place else None, maker_id=maker)
            if not rows:
                return
            for row in rows:
                place = str(row.id)
                found = files_of(row)
                for item in _items(found) if found else ():
                    yield place, item


def register_agreements() -> None:
    add(Agreements())


def _items(found: AgreementFiles) -> Iterator[Item]:
    """What is left out comes last: an export goes on behind the agreement once the first of it was taken."""
    facts, files = {"agreement": str(found.agreement_id)}, list(found.files.items())
    for number, (name, content) in enumerate(files):
        pieces = partial(iter, (content,))
        beside = 0 if number else sum(len(other) + _AROUND for _, other in files[1:])
        yield Member(f"{found.folder}/{name}", len(content), pieces, None, facts, joined=number > 0, beside=beside)
    for name in found.left_out:
        yield LeftOut(f"{found.folder}/{name}", DAMAGED, facts)
