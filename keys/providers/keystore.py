"""Files of the embedded key store: one document per CMK, whole or not at all, authenticated, changed under a lock."""

import base64
import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from hq.crypto.secrets import equal, keyed_digest
from hq.lib.canonical import canonical
from keys.providers.base import NoSuchKey, ProviderUnavailable
from keys.providers.root_key import RootKey

FORMAT, CLOCK = 1, "clock"
_REF = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Document = dict[str, Any]


class KeystoreDamaged(ProviderUnavailable):
    """A file of the key store was changed or cut. Put it back from its backup."""


class WrongRootKey(ProviderUnavailable):
    """The key store was made with another root key."""


class Keystore:
    """The folder `keys` below `home`. Readers take no lock: a file is replaced in one step."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "keys"
        self._clock = home / f"{CLOCK}.json"

    def read(self, ref: str, root: RootKey) -> Document:
        """The document of one CMK. Raises NoSuchKey, WrongRootKey, KeystoreDamaged."""
        if not _REF.fullmatch(ref):  # it becomes a file name
            raise NoSuchKey
        try:
            raw = self._path(ref).read_bytes()
        except FileNotFoundError:
            raise NoSuchKey from None
        except OSError as error:
            raise ProviderUnavailable(f"The key store cannot be read ({error.strerror}).") from None
        return _authentic(raw, ref, root)

    def seen(self, root: RootKey) -> datetime | None:
        """When `see` was last called. Raises WrongRootKey, KeystoreDamaged."""
        try:
            raw = self._clock.read_bytes()
        except FileNotFoundError:
            return None
        return datetime.fromisoformat(_authentic(raw, CLOCK, root)["seen_at"])

    def see(self, moment: datetime, root: RootKey) -> None:
        """Put down what time it is, so that a leap of the clock shows."""
        document = {"format": FORMAT, "ref": CLOCK, "root": root.fingerprint, "seen_at": moment.isoformat()}
        self._replace(self._clock, document, root)

    def write(self, document: Document, root: RootKey) -> None:
        """Replace the document of one CMK; after a crash at any point the old or the new one is there."""
        self._replace(self._path(document["ref"]), document, root)

    def _replace(self, path: Path, document: Document, root: RootKey) -> None:
        body = canonical(_signed(document, root))
        draft = path.with_name(f".{path.stem}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync(path.parent)

    def overwrite(self, document: Document, root: RootKey) -> None:
        """Replace the document, then blot out the former one's bytes: a crash in between leaves a file that reads."""
        with self._path(document["ref"]).open("r+b") as former:
            length = os.fstat(former.fileno()).st_size
            self.write(document, root)
            former.write(os.urandom(length))
            former.flush()
            os.fsync(former.fileno())

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One changer at a time, over all processes of this machine. The kernel lets go when a process dies."""
        try:
            for folder in (self.home, self.folder):
                folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ProviderUnavailable(f"The key store cannot be written ({error.strerror}).") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def refs(self) -> list[str]:
        """Every CMK there is."""
        if not self.folder.is_dir():
            return []
        return sorted(path.stem for path in self.folder.glob("*.json") if _REF.fullmatch(path.stem))

    def _path(self, ref: str) -> Path:
        return self.folder / f"{ref}.json"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _signed(document: Document, root: RootKey) -> Document:
    unsigned = {key: value for key, value in document.items() if key != "mac"}
    return unsigned | {"mac": base64.b64encode(keyed_digest(root.sign, canonical(unsigned))).decode()}


def _authentic(raw: bytes, ref: str, root: RootKey) -> Document:
    try:
        document = json.loads(raw)
    except ValueError:
        raise KeystoreDamaged from None
    if not isinstance(document, dict) or not isinstance(document.get("mac"), str):
        raise KeystoreDamaged
    if document.get("root") != root.fingerprint:
        raise WrongRootKey
    if not equal(_signed(document, root)["mac"], document["mac"]) or document["ref"] != ref:
        raise KeystoreDamaged
    return document
