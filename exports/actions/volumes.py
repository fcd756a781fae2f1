"""One volume from where the last one ended: its members, its list, and, in the last, the manifest and the statement."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.conf import settings

from audit import selectors as trail
from exports.actions import sizes
from exports.actions.archive import Archive, plain
from exports.actions.files import files_left_out
from exports.models import Export, Volume
from exports.registry import Asked, LeftOut, Member, Scope, sources
from hq.crypto.statements import EXPORT, file_name, timestamp
from hq.db.context import tenant
from hq.lib.canonical import canonical
from hq.lib.clock import now
from hq.lib.text import plural
from keys.actions.signing import sign_statement
from keys.registry import tenancy

MANIFEST = "manifest.json"
COVERS = (
    "The manifest with this SHA-256 names every file of the export with its SHA-256, and the lists of earlier volumes.",
    "Files are as they were at the cut; rows are as they were when each was written, between the cut and the end.",
)
NOT_COVERED = (
    "What was stored after the cut.",
    "What is left out on purpose: secrets, and what opens something.",
    "What could not be read: the manifest names it, under left_out.",
    "Whether what people stored is true.",
)
README = """This is an export of HQ, made by {issuer}.

files/      the files as they were at the cut, under their own paths
versions/   older and deleted versions, if they were asked for, by object and number
parts/      files too large for one volume, in parts: put them together with cat
agreements/ documents that were sent to be signed, sealed ones, their chains, certificates and proofs
tables/     everything else, in JSON Lines: one row a line, times in UTC
manifest.json, manifest-0001.json, ...   every file with its size and SHA-256 (RFC 8785), and what is left out
data-export-....json   a signed statement over manifest.json

How to open and check it: docs/exports.md of HQ.
"""


def asked_of(export: Export) -> Asked:
    """The export, as sources see it."""
    return Asked(
        export_id=export.id,
        organization_id=export.organization_id,
        scope=Scope(export.scope),
        person_id=export.requested_by_id,
        membership_id=export.membership_id,
    )


@dataclass(frozen=True, slots=True)
class End:
    """What a whole volume leaves behind: where the next begins, or what the last manifest says."""

    cursor: dict[str, Any]
    manifest_digest: bytes
    plain_size: int
    members: int
    counted: int
    left_out: list[dict[str, Any]]
    is_last: bool


class Making:
    """One volume being made. Read `stream()` to its end; then `ended()` says how it ended."""

    def __init__(self, export: Export, before: list[Volume]) -> None:
        self._export, self._before = export, before
        self.number = len(before) + 1
        self._cursor: dict[str, Any] = dict(export.cursor)
        self._archive = Archive((export.cut_at or now()).timestamp())
        self._whole = False
        self._left_out: list[dict[str, Any]] = []
        self.counted = 0
        self._end: End | None = None

    def stream(self) -> Iterator[bytes]:
        """The volume's bytes."""
        for member in self._members():
            before = self.counted
            for piece in self._archive.write(member):
                if member.counts:
                    self.counted = min(before + member.counts, self.counted + len(piece))
                yield piece
        manifest = canonical(self._manifest())
        name = MANIFEST if self._whole else f"manifest-{self.number:04}.json"
        members = len(self._archive.listed)
        yield from self._archive.write(plain(name, manifest))
        digest = sha256(manifest).digest()
        if self._whole:
            yield from self._archive.write(self._statement(digest))
        yield self._archive.end()
        self._end = End(self._cursor, digest, self._archive.size, members, self.counted, self._left_out, self._whole)

    def ended(self) -> End:
        """Raises RuntimeError if the stream was not read to its end."""
        if self._end is None:
            raise RuntimeError("A volume ended before its end.")
        return self._end

    def _members(self) -> Iterator[Member]:
        """Up to a volume's worth, from the cursor on; it moves with each that is wanted again by whoever reads."""
        if self.number == 1:
            yield plain("README.txt", README.format(issuer=settings.BASE_URL).encode())
        asked, todo = asked_of(self._export), sources(Scope(self._export.scope))
        names = [source.name for source in todo]
        at = names.index(self._cursor["source"]) if self._cursor else 0
        for source in todo[at:]:
            after = self._cursor["after"] if self._cursor.get("source") == source.name else ""
            for behind, item in source.members(asked, after):
                if isinstance(item, LeftOut):
                    self._left_out.append({"name": item.name, "why": item.why, **item.facts})
                elif self._is_full(item):
                    return
                else:
                    yield item
                self._cursor = {"source": source.name, "after": behind}
        self._whole = True

    def _is_full(self, member: Member) -> bool:
        listed, size = len(self._archive.listed), self._archive.size
        takes = self._archive.takes(member) + member.beside
        return (
            listed > 1 and not member.joined and (listed >= sizes.VOLUME_MEMBERS or size + takes > sizes.body_bytes())
        )

    def _manifest(self) -> dict[str, Any]:
        export = self._export
        told: dict[str, Any] = {
            "v": 1,
            "type": "hq/export",
            "export": str(export.id),
            "volume": self.number,
            "members": self._archive.listed,
            "left_out": self._left_out,
        }
        if not self._whole:
            return told
        with tenant(export.organization_id):
            heads = trail.heads_of(export.organization_id)
        return told | {
            "organization": {"id": str(export.organization_id), "name": tenancy().name_of(export.organization_id)},
            "scope": export.scope,
            "person": str(export.requested_by_id),
            "all_versions": export.all_versions,
            "deleted": export.deleted,
            "left_out": [*export.left_out, *self._left_out],
            "files_left_out": files_left_out(export),
            "cut_at": timestamp(export.cut_at or now()),
            "made_at": timestamp(now()),
            "volumes": [self._volume(volume) for volume in self._before],
            "chains": [
                {"environment": str(head.environment_id), "index": head.length, "hash": bytes(head.hash).hex()}
                for head in heads
            ],
        }

    def _volume(self, volume: Volume) -> dict[str, Any]:
        """An earlier one: its file, and the list in it, which this manifest vouches for by its hash."""
        listed = {"name": f"manifest-{volume.number:04}.json", "sha256": bytes(volume.manifest_digest).hex()}
        return {"name": self._export.file_name(volume.number), "members": volume.members, "manifest": listed}

    def _statement(self, digest: bytes) -> Member:
        export = self._export
        members = len(self._archive.listed) - 1 + sum(volume.members for volume in self._before)
        body = {
            "type": EXPORT,
            "export": str(export.id),
            "organization": {
                "id": str(export.organization_id),
                "name": tenancy().name_of(export.organization_id),
            },
            "scope": export.scope,
            "requested": {"at": timestamp(export.created_at), "by": str(export.requested_by_id)},
            "cut_at": timestamp(export.cut_at or now()),
            "manifest_sha256": digest.hex(),
            "members": members,
            "volumes": self.number,
            "covers": list(COVERS),
            "does_not_cover": list(NOT_COVERED),
        }
        with tenant(export.organization_id):
            file = sign_statement(body)
        return plain(file_name(json.loads(file)["statement"]), file)


def told(count: int) -> str:
    """For progress."""
    return f"{plural(count, 'volume')} finished"
