"""CMKs in files beside HQ, for where there is no KMS (KEY-10). Outside the database: its backups never carry them.

A CMK version is 32 random bytes, wrapped by the root key for its reference and number. A data key is wrapped as: format
(1 byte) | CMK version (4, big-endian) | nonce (12) | ciphertext | tag (16), with the reference and the RFC 8785 form of
the encryption context as associated data. Nothing is kept in memory, so what another process changed holds at once.
"""

import base64
import logging
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from django.conf import settings

from hq.crypto.aead import Aead, Tampered
from hq.lib.canonical import canonical
from hq.lib.clock import now
from hq.lib.ids import new_id
from keys.providers import base
from keys.providers.base import KEY_BYTES, KeyDescription, KeyState, PlainKey
from keys.providers.keystore import FORMAT, Document, Keystore, KeystoreDamaged
from keys.providers.root_key import RootKey

log = logging.getLogger("hq.keys")
HEADER_BYTES = 5
# Between two looks at what is due. HQ looks every ten minutes; more is a clock that was set, or a machine that was off.
LEAP, RESPITE = timedelta(hours=6), timedelta(days=1)


class EmbeddedProvider:
    """The key store below one folder, under one root key."""

    name = "embedded"

    def __init__(self, home: Path, root_key_file: Path, *, clock: Callable[[], datetime] = now) -> None:
        self._store = Keystore(home)
        self._root_key_file = root_key_file
        self._clock = clock

    @classmethod
    def from_settings(cls) -> Self:
        return cls(settings.DATA_DIR / "keystore", settings.ROOT_KEY_FILE)

    # ---- CMKs

    def create_key(self, tags: Mapping[str, str]) -> str:
        root, ref = self._root(), str(new_id())
        document: Document = {
            "format": FORMAT,
            "ref": ref,
            "root": root.fingerprint,
            "tags": dict(tags),
            "state": KeyState.ENABLED,
            "created_at": self._clock().isoformat(),
            "delete_at": None,
            "versions": [_new_version(ref, 1, root)],
        }
        with self._store.lock():
            self._store.write(document, root)
        return ref

    def describe_key(self, ref: str) -> KeyDescription:
        document = self._store.read(ref, self._root())
        return KeyDescription(
            ref=ref,
            state=KeyState(document["state"]),
            tags=document["tags"],
            created_at=datetime.fromisoformat(document["created_at"]),
            delete_at=_moment(document["delete_at"]),
        )

    def rotate_key(self, ref: str) -> None:
        root = self._root()
        with self._store.lock():
            document = self._usable(ref, root)
            document["versions"].append(_new_version(ref, _newest(document) + 1, root))
            self._store.write(document, root)

    def is_rotating(self, ref: str) -> bool:
        """Never: `rotate_key` is done when it returns."""
        return False

    def disable_key(self, ref: str) -> None:
        self._change(ref, {KeyState.ENABLED, KeyState.DISABLED}, state=KeyState.DISABLED)

    def enable_key(self, ref: str) -> None:
        self._change(ref, {KeyState.ENABLED, KeyState.DISABLED}, state=KeyState.ENABLED)

    def schedule_deletion(self, ref: str, *, days: int = base.LONGEST_WAIT_DAYS) -> datetime:
        if not base.SHORTEST_WAIT_DAYS <= days <= base.LONGEST_WAIT_DAYS:
            raise base.InvalidWait
        due = self._clock() + timedelta(days=days)
        allowed = {KeyState.ENABLED, KeyState.DISABLED}
        self._change(ref, allowed, state=KeyState.PENDING_DELETION, delete_at=due.isoformat())
        return due

    def destroy_key(self, ref: str) -> datetime | None:
        root = self._root()
        with self._store.lock():
            document = self._store.read(ref, root)
            if document["state"] != KeyState.DESTROYED:
                _destroy(document)
                self._store.overwrite(document | {"state": KeyState.DESTROYED, "delete_at": None}, root)
        return None

    def cancel_deletion(self, ref: str) -> None:
        self._change(ref, {KeyState.PENDING_DELETION}, state=KeyState.DISABLED, delete_at=None)

    def purge_due(self) -> list[str]:
        """Destroy what is due. A clock that has leapt destroys nothing: what is due by it gets another day."""
        root, moment, purged = self._root(), self._clock(), []
        with self._store.lock():
            seen = self._store.seen(root)
            leapt = seen is None or not timedelta(0) <= moment - seen <= LEAP
            self._store.see(moment, root)
            for ref in self._store.refs():
                try:
                    document = self._store.read(ref, root)
                except KeystoreDamaged:  # the others are due all the same
                    log.error("a file of the key store is damaged", extra={"cmk": ref})  # noqa: TRY400 - says it all
                    continue
                due = _moment(document["delete_at"])
                if document["state"] != KeyState.PENDING_DELETION or due is None or due > moment:
                    continue
                if leapt:
                    log.error("the clock has leapt, so destroying waits for another day", extra={"cmk": ref})
                    self._store.write(document | {"delete_at": (moment + RESPITE).isoformat()}, root)
                else:
                    _destroy(document)
                    self._store.overwrite(document | {"state": KeyState.DESTROYED}, root)
                    purged.append(ref)
        return purged

    # ---- data keys

    def generate_data_key(self, ref: str, context: Mapping[str, str]) -> PlainKey:
        root = self._root()
        document = self._usable(ref, root)
        plain = os.urandom(KEY_BYTES)
        return PlainKey(_wrap(document, root, plain, context), plain)

    def wrap(self, ref: str, plain: bytes, context: Mapping[str, str]) -> bytes:
        root = self._root()
        return _wrap(self._usable(ref, root), root, plain, context)

    def decrypt(self, ref: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        root = self._root()
        return _unwrap(self._usable(ref, root), root, wrapped, context)

    def reencrypt(self, ref: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        root = self._root()
        document = self._usable(ref, root)
        return _wrap(document, root, _unwrap(document, root, wrapped, context), context)

    # ---- inside

    def _root(self) -> RootKey:
        return RootKey.read(self._root_key_file)

    def _usable(self, ref: str, root: RootKey) -> Document:
        document = self._store.read(ref, root)
        if refusal := base.REFUSALS.get(document["state"]):
            raise refusal
        return document

    def _change(self, ref: str, allowed: set[KeyState], **changes: object) -> None:
        root = self._root()
        with self._store.lock():
            document = self._store.read(ref, root)
            if document["state"] == KeyState.DESTROYED:
                raise base.Gone
            if document["state"] not in allowed:
                raise base.WrongState(f"The CMK is {document['state']}.")
            self._store.write(document | changes, root)


def _destroy(document: Document) -> None:
    for version in document["versions"]:
        version["wrapped"] = None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _newest(document: Document) -> int:
    number: int = document["versions"][-1]["version"]
    return number


def _new_version(ref: str, version: int, root: RootKey) -> dict[str, object]:
    sealed = root.seal.seal(os.urandom(KEY_BYTES), _place(ref, version))
    return {"version": version, "wrapped": base64.b64encode(sealed).decode()}


def _place(ref: str, version: int) -> bytes:
    return f"{ref}|{version}".encode()


def _cipher(document: Document, root: RootKey, version: int) -> Aead:
    """One version of the CMK, for one use. Raises InvalidWrapping for a version that never was, KeystoreDamaged."""
    held = next((held for held in document["versions"] if held["version"] == version), None)
    if held is None:
        raise base.InvalidWrapping
    try:
        return Aead(root.seal.open(base64.b64decode(held["wrapped"]), _place(document["ref"], version)))
    except Tampered:
        raise KeystoreDamaged from None


def _associated(document: Document, context: Mapping[str, str]) -> bytes:
    return str(document["ref"]).encode() + b"|" + canonical(dict(context))


def _wrap(document: Document, root: RootKey, plain: bytes, context: Mapping[str, str]) -> bytes:
    version = _newest(document)
    sealed = _cipher(document, root, version).seal(plain, _associated(document, context))
    return bytes((FORMAT,)) + version.to_bytes(4, "big") + sealed


def _unwrap(document: Document, root: RootKey, wrapped: bytes, context: Mapping[str, str]) -> bytes:
    if len(wrapped) < HEADER_BYTES or wrapped[0] != FORMAT:
        raise base.InvalidWrapping
    cipher = _cipher(document, root, int.from_bytes(wrapped[1:HEADER_BYTES], "big"))
    try:
        return cipher.open(wrapped[HEADER_BYTES:], _associated(document, context))
    except Tampered:
        raise base.InvalidWrapping from None
