"""Exports as people make and open them: by the `age` that Debian has, and by `tar`."""

import hashlib
import io
import json
import os
import pty
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage

from exports import actions, selectors
from exports.actions import Lock, Wish, sizes
from exports.models import Export
from exports.registry import Scope
from hq.authz.actor import Actor
from hq.db.context import tenant
from tests.factories import Place, run_jobs


@dataclass
class Pair:
    """Somebody's own key, as age-keygen makes it."""

    identity: Any = field(default_factory=pyrage.x25519.Identity.generate)

    @property
    def lock(self) -> Lock:
        return actions.by_key(str(self.identity.to_public()))

    def file(self, folder: Path) -> Path:
        path = folder / "key.txt"
        path.write_text(f"{self.identity}\n")
        return path


def ask(actor: Actor, scope: Scope, lock: Lock, **options: bool) -> Export:
    return actions.request_export(actor=actor, wish=Wish(scope=scope, lock=lock, **options))


def fresh(export: Export) -> Export:
    with tenant(export.organization_id):
        return Export.objects.get(pk=export.pk)


def made(place: Place, scope: Scope, lock: Lock, actor: Actor | None = None, **options: bool) -> Export:
    export = ask(actor or place.actor(), scope, lock, **options)
    run_jobs()
    assert fresh(export).made_at is not None
    return fresh(export)


def files_of(actor: Actor, export: Export) -> dict[str, bytes]:
    """Its volumes as they are downloaded, by name."""
    with tenant(actor.organization_id):
        (listed,) = [each for each in selectors.list_exports(actor, export.scope) if each.export.pk == export.pk]
    found = {}
    for volume in listed.volumes:
        given = actions.open_file(actor=actor, scope=Scope(export.scope), export_id=export.id, number=volume.number)
        found[given.described.name] = b"".join(given.read(0, volume.size))
    return found


def decrypt(sealed: bytes, identity: Path) -> bytes:
    """By Debian's own."""
    done = subprocess.run(["age", "-d", "-i", identity], input=sealed, capture_output=True, check=True)
    return done.stdout


def decrypt_by_passphrase(sealed: Path, identity: Path, passphrase: str) -> bytes:
    """It asks at a terminal, so it is given one."""
    opened = sealed.with_suffix("")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("age", ["age", "-d", "-o", str(opened), "-i", str(identity), str(sealed)])
    said = b""
    while b"passphrase" not in said:
        said += os.read(terminal, 1024)
    os.write(terminal, passphrase.encode() + b"\n")
    try:
        while os.read(terminal, 1024):
            pass
    except OSError:  # it has closed its side
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return opened.read_bytes()


def unpacked(archive: bytes) -> dict[str, bytes]:
    """Members in order; each is a plain file, and no name comes twice."""
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for info in tar:
            content = tar.extractfile(info)
            assert content is not None
            assert info.isreg()
            assert info.name not in found
            found[info.name] = content.read()
    return found


@dataclass
class Whole:
    """An export that was opened and checked: every hash, and everything once."""

    members: dict[str, bytes]
    manifest: dict[str, Any]
    statement: bytes
    listed: list[dict[str, Any]]

    def table(self, name: str) -> list[dict[str, Any]]:
        """The rows of all its parts."""
        parts = sorted(each for each in self.members if each.startswith(f"tables/{name}-"))
        return [json.loads(line) for part in parts for line in self.members[part].splitlines()]

    @property
    def files(self) -> dict[str, bytes]:
        return {name: content for name, content in self.members.items() if name.startswith(("files/", "versions/"))}


def checked(volumes: dict[str, bytes]) -> Whole:
    """What plain archives hold, by the names of their volumes, compared with the manifest and its lists."""
    members: dict[str, bytes] = {}
    for archive in volumes.values():
        of_volume = unpacked(archive)
        assert not members.keys() & of_volume.keys()
        members |= of_volume
    manifest = json.loads(members["manifest.json"])
    listed = list(manifest["members"])
    lists = {"manifest.json"}
    for volume in manifest["volumes"]:
        assert volume["name"] in volumes
        name = volume["manifest"]["name"]
        assert hashlib.sha256(members[name]).hexdigest() == volume["manifest"]["sha256"]
        listed += json.loads(members[name])["members"]
        lists.add(name)
    assert len(manifest["volumes"]) == len(volumes) - 1
    for each in listed:
        content = members[each["name"]]
        assert (len(content), hashlib.sha256(content).hexdigest()) == (each["size"], each["sha256"])
    (statement,) = [name for name in members if name.startswith("data-export-")]
    assert {each["name"] for each in listed} | lists | {statement} == members.keys()
    assert len({each["name"] for each in listed}) == len(listed)
    digest = json.loads(members[statement])["statement"]["manifest_sha256"]
    assert digest == hashlib.sha256(members["manifest.json"]).hexdigest()
    return Whole(members, manifest, members[statement], listed)


def opened(place: Place, export: Export, pair: Pair, folder: Path, actor: Actor | None = None) -> Whole:
    key = pair.file(folder)
    found = files_of(actor or place.actor(), export)
    return checked({name: decrypt(sealed, key) for name, sealed in found.items()})


@contextmanager
def small_volumes(monkeypatch: Any, size: int = 64 * 1024) -> Iterator[None]:
    """So that a few files make several."""
    from exports import registry

    monkeypatch.setattr(sizes, "VOLUME_BYTES", size)
    monkeypatch.setattr(registry, "PART_BYTES", size // 8)
    yield
