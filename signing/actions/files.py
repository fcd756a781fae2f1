"""The files of agreements, one agreement after the other, for who takes everything along: exports.

Of a sealed one they are those of its bundle; of any other what there is so far. What cannot be read is named, and keeps
back nothing else: who leaves takes along everything that there is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from evidence.actions.checkpoints import NotAsSigned
from evidence.actions.proofs import NotCovered
from hq.db.context import tenant
from hq.lib.canonical import canonical
from hq.lib.errors import NotFound
from signing.actions import papers
from signing.actions.bundle import (
    bundle_files,
    chain_file,
    consent_files,
    original_name,
    proof_of,
    sealed_certificate,
)
from signing.actions.certificate import build_certificate
from signing.models import Agreement
from signing.seals.bundles import CERTIFICATE, CHAIN, PDF, PROOF, STATEMENT
from vault.actions.packages import UNREADABLE

AGREEMENTS = 100  # in a page: rows alone
# What makes one file unreadable, now and later. A key that is out of reach is not among them: it comes back.
_DAMAGE: Final = (*UNREADABLE, NotAsSigned, NotCovered, NotFound)


@dataclass(slots=True)
class AgreementFiles:
    """What an agreement consists of, by name in its folder, and the names of what could not be read."""

    agreement_id: UUID
    folder: str
    files: dict[str, bytes] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def add(self, name: str, read: Callable[[], bytes]) -> None:
        """Read it, or say that it is left out."""
        try:
            self.files[name] = read()
        except _DAMAGE:
            self.left_out.append(name)


def page_agreements(organization_id: UUID, after: UUID | None, *, maker_id: UUID | None = None) -> Sequence[Agreement]:
    """Those behind one, or the first; none are the end. Of one person's, if named. In the organization's context."""
    rows = Agreement.objects.filter(organization_id=organization_id).select_related("document", "final", "environment")
    if maker_id is not None:
        rows = rows.filter(created_by_kind="person", created_by_id=maker_id)
    if after is not None:
        rows = rows.filter(id__gt=after)
    return list(rows.order_by("id")[:AGREEMENTS])


def files_of(agreement: Agreement) -> AgreementFiles | None:
    """All of its files; None if it was removed meanwhile. Outside of a transaction. Raises KeyUnavailable."""
    found = AgreementFiles(agreement.id, f"agreements/{agreement.environment.name}/{agreement.id}")
    try:
        found.files = bundle_files(agreement) if agreement.final_id else _unsealed(agreement)
    except (*_DAMAGE, Agreement.DoesNotExist):
        with tenant(agreement.organization_id):
            if not Agreement.objects.filter(organization_id=agreement.organization_id, id=agreement.id).exists():
                return None
        _one_by_one(agreement, found)
    return found


def _unsealed(agreement: Agreement) -> dict[str, bytes]:
    return {
        original_name(agreement): papers.read(agreement.organization_id, agreement.document_id),
        CHAIN: _chain(agreement),
        CERTIFICATE: _certificate(agreement),
    }


def _one_by_one(agreement: Agreement, found: AgreementFiles) -> None:
    """Each by itself, where they cannot be had together. A statement over all of them then cannot be made."""
    organization_id, final_id = agreement.organization_id, agreement.final_id
    found.add(original_name(agreement), lambda: papers.read(organization_id, agreement.document_id))
    found.add(CHAIN, lambda: _chain(agreement))
    if final_id is None:
        found.add(CERTIFICATE, lambda: _certificate(agreement))
        return
    found.add(PDF, lambda: papers.read(organization_id, final_id))
    if PDF in found.files:
        found.files[CERTIFICATE] = sealed_certificate(found.files[PDF])
    else:
        found.add(CERTIFICATE, lambda: _certificate(agreement))
    found.files |= consent_files(agreement)
    found.add(PROOF, lambda: proof_of(agreement))
    found.left_out.append(STATEMENT)


def _chain(agreement: Agreement) -> bytes:
    with tenant(agreement.organization_id):
        return chain_file(agreement)


def _certificate(agreement: Agreement) -> bytes:
    with tenant(agreement.organization_id):
        return canonical(build_certificate(agreement))
