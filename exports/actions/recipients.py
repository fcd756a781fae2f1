"""For whom an export is encrypted: somebody's public key, or a key that only a passphrase opens.

`age` cannot write a stream to a passphrase in a few steps, and a passphrase must not be kept until a job has run. So a
key pair is made for the export: what is encrypted goes to its public half, and its secret half is given out under the
passphrase, as `age` keeps identities. Neither the passphrase nor the open secret half is kept anywhere.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyrage

from exports.actions.archive import Pulled, Pushed
from hq.crypto.age import seal_by_passphrase
from hq.lib.errors import Invalid
from hq.limits.slots import slot

LONGEST = 2000
_AGE = re.compile(r"age1[0-9a-z]{58}")
_SSH = re.compile(r"(ssh-ed25519|ssh-rsa) ([A-Za-z0-9+/=]+)(?: .*)?")
_AT_ONCE, _LEASE = 2, 30.0


class NoRecipient(Invalid):
    """This is no public key that age encrypts to: age1…, ssh-ed25519 … or ssh-rsa …, on one line."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What an export is encrypted to, and, behind a passphrase, what opens it: a file of age, in base64."""

    recipient: str
    identity: str | None = None


def by_key(text: str) -> Lock:
    """Encrypt to a public key. A comment behind it is dropped: it names people. Raises NoRecipient."""
    key = text.strip()
    if len(key) <= LONGEST and (found := _SSH.fullmatch(key)):
        key = f"{found[1]} {found[2]}"
    elif not _AGE.fullmatch(key):
        raise NoRecipient
    _recipient(key)
    return Lock(key)


def by_passphrase(passphrase: str) -> Lock:
    """Make a key pair that this opens. It takes 128 MiB for some tenths of a second. Raises Busy, LimitsUnavailable."""
    made = pyrage.x25519.Identity.generate()
    public = str(made.to_public())
    content = f"# public key: {public}\n{made}\n".encode()
    with slot("exports.passphrase", most=_AT_ONCE, lease=_LEASE):
        sealed = seal_by_passphrase(content, passphrase)
    return Lock(public, b64encode(sealed).decode())


def encrypt(pieces: Iterator[bytes], writer: Any, recipient: str) -> None:
    """Encrypt a stream for one. Raises what `pieces` and `writer` raise."""
    source, sink = Pulled(pieces), Pushed(writer)
    try:
        pyrage.encrypt_io(source, sink, [_recipient(recipient)])
    except (pyrage.EncryptError, OSError):
        raise source.fault or sink.fault or RuntimeError("age could not encrypt this.") from None
    if fault := source.fault or sink.fault:
        raise fault


def _recipient(key: str) -> Any:
    try:
        if key.startswith("age1"):
            return pyrage.x25519.Recipient.from_str(key)
        return pyrage.ssh.Recipient.from_str(key)
    except pyrage.RecipientError:
        raise NoRecipient from None
