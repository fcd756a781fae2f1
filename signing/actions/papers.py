"""The content of documents: into the vault and out of it, under the organization's key."""

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from django.db.models import Q

from hq.db.context import tenant
from hq.lib.errors import NotFound
from hq.web.transfer import Closeable
from signing.models import Agreement, Paper, Template
from vault.actions.packages import Package, begin_package, drop_packages, read_package


@dataclass(frozen=True, slots=True)
class Draft:
    """Bytes that lie in the store and that no row names yet. If nobody keeps them, the reaper removes them."""

    package: Package
    sha256: str
    size: int

    def keep(self, pages: int) -> Paper:
        """In the caller's transaction: from now on they stay. Raises UploadTooSlow."""
        return Paper.objects.create(
            organization_id=self.package.blob.organization_id,
            blob_id=self.package.keep(self.size),
            sha256=self.sha256,
            size=self.size,
            pages=pages,
        )


def store(organization_id: UUID, environment_id: UUID, content: bytes) -> Draft:
    """Seal the bytes into the store. Opens its own transactions: call it outside of any.

    Raises NoBucket, KeyUnavailable, StorageFull, UploadTooSlow.
    """
    package = begin_package(organization_id, environment_id)
    try:
        with package.writing() as writer:
            writer.write(content)
    except BaseException:
        package.give_up()
        raise
    return Draft(package, sha256(content).hexdigest(), len(content))


def read(organization_id: UUID, paper_id: UUID) -> bytes:
    """The bytes of a document. Raises NotFound, ObjectDamaged, KeyUnavailable, Tampered."""
    return b"".join(pieces(organization_id, paper_id))


def pieces(organization_id: UUID, paper_id: UUID, start: int = 0, stop: int | None = None) -> Closeable:
    """The same, or a part of it, piece by piece."""

    def find() -> UUID:
        with tenant(organization_id):
            rows = Paper.objects.filter(organization_id=organization_id, id=paper_id)
            blob_id: UUID | None = rows.values_list("blob_id", flat=True).first()
        if blob_id is None:
            raise NotFound
        return blob_id

    return read_package(organization_id, find, start, stop)


def drop(organization_id: UUID, paper_ids: list[UUID]) -> None:
    """In the caller's transaction, which names them nowhere any more: they must go."""
    papers = Paper.objects.filter(organization_id=organization_id, id__in=paper_ids)
    blobs = list(papers.values_list("blob_id", flat=True))
    papers.delete()
    drop_packages(organization_id, blobs)


def drop_unused(organization_id: UUID, paper_id: UUID) -> None:
    """Drop a document that no agreement and no template names any more. In the caller's transaction.

    Whoever lets go of the same one, or takes it, now comes before or after: the last one turns out the light.
    """
    list(Paper.objects.select_for_update().filter(organization_id=organization_id, id=paper_id).values_list("id"))
    named = Agreement.objects.filter(organization_id=organization_id).filter(Q(document=paper_id) | Q(final=paper_id))
    if not named.exists() and not Template.objects.filter(organization_id=organization_id, document=paper_id).exists():
        drop(organization_id, [paper_id])


def paper_moved(organization_id: UUID, old: UUID, new: UUID) -> None:
    """A rotation has put the same bytes under a newer key."""
    Paper.objects.filter(organization_id=organization_id, blob_id=old).update(blob_id=new)
