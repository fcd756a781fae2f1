"""Agreements in exports: the document as it was sent, the sealed one, the chain, and the certificate of each."""

from collections.abc import Sequence

from exports.registry import BOTH, Asked, Member, Scope, add_files
from signing.actions.files import page_files


def register_agreements() -> None:
    add_files("agreements", "Agreements", _page, scopes=BOTH)


def _page(asked: Asked, after: str, limit: int) -> Sequence[tuple[str, Member]]:
    """All of the organization's, or those that the person made."""
    maker = asked.person_id if asked.scope == Scope.OWN else None
    return [
        (
            file.place,
            Member(file.name, file.size, file.pieces, file.sha256, {"agreement": str(file.agreement_id)}),
        )
        for file in page_files(asked.organization_id, after, maker_id=maker)
    ]
