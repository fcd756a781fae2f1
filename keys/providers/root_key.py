"""The root key of the embedded key store: 32 bytes as base64 in a file that only its owner reads (KEY-10)."""

import base64
import binascii
import os
import stat
from pathlib import Path

from hq.crypto.aead import Aead
from hq.crypto.kdf import derive
from keys.providers.base import KEY_BYTES, ProviderUnavailable

LONGEST_FILE = 1024


class RootKeyMissing(ProviderUnavailable):
    """The root key file is missing or cannot be read. Put it back from its backup: without it nothing can be opened."""


class RootKeyExposed(ProviderUnavailable):
    """The root key file can be read by others, or is somebody else's. Set its mode to 0600 and its owner to HQ's."""


class RootKeyMalformed(ProviderUnavailable):
    """The root key file does not hold 32 bytes as base64."""


class RootKey:
    """Three keys from one: to wrap CMKs, to authenticate the files they are in, and a name to recognise the root by."""

    __slots__ = ("fingerprint", "seal", "sign")

    def __init__(self, key: bytes) -> None:
        self.seal = Aead(derive(key, info=b"hq keystore: wrap a CMK"))
        self.sign = derive(key, info=b"hq keystore: authenticate a file")
        self.fingerprint = derive(key, info=b"hq keystore: name of the root key", length=8).hex()

    @classmethod
    def read(cls, path: Path) -> "RootKey":
        """Read it afresh: a root key that was taken away is not to be used. Raises ProviderUnavailable's subclasses."""
        raw = _read_private(path)
        try:
            key = base64.b64decode(raw.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise RootKeyMalformed from None
        if len(key) != KEY_BYTES:
            raise RootKeyMalformed
        return cls(key)


def _read_private(path: Path) -> bytes:
    """The file's bytes, after looking at the mode of what was opened, not of what had the name before."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise RootKeyMissing(f"The root key file cannot be read ({error.strerror}).") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise RootKeyMalformed("The root key file is not a file.")
        if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid not in {0, os.geteuid()}:
            raise RootKeyExposed
        return os.read(descriptor, LONGEST_FILE)
    finally:
        os.close(descriptor)
