"""The files of agreements, one after the other, for who takes everything along: exports."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from hq.lib.canonical import canonical
from signing.actions import papers
from signing.actions.bundle import chain_file, original_name
from signing.actions.certificate import build_certificate
from signing.models import Agreement
from signing.seals.bundles import CERTIFICATE, CHAIN, PDF

AGREEMENTS = 20  # in a page: their chains are put together while it is read


@dataclass(frozen=True, slots=True)
class AgreementFile:
    """`place` is behind it; `pieces` gives exactly `size` bytes, outside of any transaction."""

    place: str
    name: str
    size: int
    pieces: Callable[[], Iterator[bytes]]
    sha256: str | None
    agreement_id: UUID


def page_files(organization_id: UUID, after: str, *, maker_id: UUID | None = None) -> list[AgreementFile]:
    """Those behind a place, the beginning being the empty one; none are the end. Of one person's agreements, if named.

    In the organization's context. Raises KeyUnavailable, Tampered.
    """
    rows = Agreement.objects.filter(organization_id=organization_id).select_related("document", "final", "environment")
    if maker_id is not None:
        rows = rows.filter(created_by_kind="person", created_by_id=maker_id)
    agreement_id, _, number = after.partition("/")
    if agreement_id:
        rows = rows.filter(id__gte=agreement_id)
    found = [file for agreement in rows.order_by("id")[:AGREEMENTS] for file in _files(agreement)]
    return [file for file in found if _behind(file, agreement_id, int(number or 0))]


def _behind(file: AgreementFile, agreement_id: str, number: int) -> bool:
    own, _, place = file.place.partition("/")
    return own != agreement_id or int(place) > number


def _files(agreement: Agreement) -> Iterator[AgreementFile]:
    folder = f"agreements/{agreement.environment.name}/{agreement.id}"
    stored = {original_name(agreement): agreement.document} | ({PDF: agreement.final} if agreement.final else {})
    made = {CHAIN: chain_file(agreement), CERTIFICATE: canonical(build_certificate(agreement))}
    number = 0
    for name, paper in stored.items():
        number += 1
        read = partial(_read, agreement.organization_id, paper.id)
        yield AgreementFile(
            f"{agreement.id}/{number}", f"{folder}/{name}", paper.size, read, paper.sha256, agreement.id
        )
    for name, content in made.items():
        number += 1
        yield AgreementFile(
            f"{agreement.id}/{number}", f"{folder}/{name}", len(content), partial(iter, (content,)), None, agreement.id
        )


def _read(organization_id: UUID, paper_id: UUID) -> Iterator[bytes]:
    yield papers.read(organization_id, paper_id)
