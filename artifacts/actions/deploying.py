"""Deploying: a folder becomes the artifact's newest deployment, whole or not at all.

1. Authorise; commit a package under a lease. A crash from here on leaves something that the reaper finds exactly.
2. Read, judge and seal the files as they come, with no transaction open. Nothing is visible.
3. In one transaction: the package is kept, the deployment and its files are there and shown, the trail has an event.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from uuid import UUID

from artifacts import selectors
from artifacts.actions.contents import Contents, Placed
from artifacts.actions.tar import NotAnArchive, TarReader
from artifacts.models import Artifact, DeployedFile, Deployment
from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import Invalid
from hq.lib.paths import clean_prefix
from vault import actions as vault
from vault import selectors as objects
from vault.actions.drafts import lively
from vault.actions.packages import Package, begin_package
from vault.actions.put import WrongDigest

ROWS_AT_ONCE = 1_000
PAGE = 200


class NothingToDeploy(Invalid):
    """There is no file in it, so there is nothing to publish."""


@dataclass(slots=True)
class _Bundle:
    """What was put into the package so far."""

    contents: Contents = field(default_factory=Contents)
    placed: list[Placed] = field(default_factory=list)
    offset: int = 0

    def add(self, raw: str, size: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The bytes of one file, taken note of as they pass. Raises RefusedMember, ArchiveTooLarge, NotAnArchive."""
        path = self.contents.claim(raw, size)
        digest, start = hashlib.sha256(), self.offset
        for piece in pieces:
            digest.update(piece)
            self.offset += len(piece)
            yield piece
        if self.offset - start != size:
            raise NotAnArchive(f"{raw!r} has another size than was said. Nothing was kept.")
        self.placed.append(Placed(path, start, size, digest.hexdigest()))


def deploy_archive(
    *, actor: Actor, artifact_id: UUID, chunks: Iterator[bytes], expected_sha256: str | None = None
) -> Deployment:
    """Publish what a tar archive holds, gzipped or not. Opens its own transactions: call it outside of any.

    `expected_sha256` in hex is that of the archive. An exception from `chunks` passes through. Whatever is raised,
    nothing is left.

    Raises:
        NotFound, Denied, NotAnArchive, RefusedMember, ArchiveTooLarge, WrongDigest, NothingToDeploy, UploadTooSlow,
        StorageFull, KeyUnavailable.
    """
    bundle = _Bundle()

    def pieces() -> Iterator[bytes]:
        reader = TarReader(_checked(chunks, expected_sha256))
        for member in reader:
            if member.folder:
                bundle.contents.folder(member.name)
            else:
                yield from bundle.add(member.name, member.size, reader.pieces())

    return _deploy(actor, artifact_id, bundle, pieces(), "archive")


def deploy_folder(*, actor: Actor, artifact_id: UUID, folder: str) -> Deployment:
    """Publish the files of a folder of the vault, as they are now. Opens its own transactions: call it outside of any.

    Raises what `deploy_archive` does; InvalidPath, MissingBytes, ObjectDamaged.
    """
    prefix = clean_prefix(folder if folder.endswith("/") or not folder else f"{folder}/")
    bundle = _Bundle()

    def pieces() -> Iterator[bytes]:
        for path in _paths(actor, prefix):
            opened = vault.open_object(actor=actor, path=path)
            with closing(opened.read()) as read:
                yield from bundle.add(path.removeprefix(prefix), opened.version.size, read)

    return _deploy(actor, artifact_id, bundle, pieces(), "folder")


def _checked(chunks: Iterator[bytes], expected: str | None) -> Iterator[bytes]:
    """The chunks, if all of them together are what was announced. Raises WrongDigest at their end."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if expected not in {None, digest.hexdigest()}:
        raise WrongDigest


def _paths(actor: Actor, prefix: str) -> Iterator[str]:
    """What lies in the folder and may be read, page by page."""
    after = ""
    while True:
        with tenant(actor.organization_id):
            rows = objects.list_objects(actor, prefix=prefix, after=after, limit=PAGE)
            paths = [row.path for row in rows[:PAGE]]
            after = objects.position(rows[PAGE - 1]) if len(rows) > PAGE else ""
        yield from paths
        if not after:
            return


def _deploy(actor: Actor, artifact_id: UUID, bundle: _Bundle, pieces: Iterator[bytes], source: str) -> Deployment:
    with tenant(actor.organization_id):
        selectors.get_artifact(actor, artifact_id, Permission.SHARES_CREATE)
    package = begin_package(actor.organization_id, environment_of(actor))
    try:
        with package.writing() as writer:
            for piece in lively(pieces, package.renew):
                writer.write(piece)
        with tenant(actor.organization_id):
            return _show(actor, artifact_id, bundle, package, source)
    except BaseException:
        package.give_up()
        raise


def _show(actor: Actor, artifact_id: UUID, bundle: _Bundle, package: Package, source: str) -> Deployment:
    """All of it at once: the next request to the artifact's address meets the new files and none of the old ones."""
    if not bundle.placed:
        raise NothingToDeploy
    artifact = selectors.lock_artifact(actor, artifact_id, Permission.SHARES_CREATE)
    before = artifact.current
    deployment = Deployment(
        organization_id=actor.organization_id,
        artifact=artifact,
        number=artifact.deployed + 1,
        blob_id=package.keep(bundle.offset),
        files=len(bundle.placed),
        size=bundle.offset,
        created_by_kind=actor.kind,
        created_by_id=actor.id,
        created_by_label=actor.label,
    )
    deployment.save(force_insert=True)
    rows = [
        DeployedFile(
            organization_id=actor.organization_id,
            deployment=deployment,
            path=one.path,
            offset=one.offset,
            size=one.size,
            content_type=one.content_type,
            sha256=one.sha256,
        )
        for one in bundle.placed
    ]
    DeployedFile.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE)
    artifact.deployed = artifact.current = deployment.number
    artifact.save(update_fields=["deployed", "current"])
    after = {
        "deployment": deployment.number,
        "files": deployment.files,
        "size": deployment.size,
        "from": source,
        "label": artifact.label,
    }
    recorder.record(
        actor,
        Tag.ARTIFACT_DEPLOYED,
        target=target_of(artifact),
        before={"deployment": before},
        after=after,
    )
    return deployment


def target_of(artifact: Artifact) -> Target:
    """How the trail names an artifact."""
    return Target("artifact", artifact.id, artifact.name)


def deployment_moved(organization_id: UUID, old: UUID, new: UUID) -> None:
    """A rotation has put the same bytes under a newer key (vault.actions.packages)."""
    Deployment.objects.filter(organization_id=organization_id, blob_id=old).update(blob_id=new)
