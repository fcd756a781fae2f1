"""Data keys for those who seal with them. Not to be shown anywhere."""

from typing import NamedTuple
from uuid import UUID

from hq.crypto.kdf import derive
from hq.crypto.secrets import keyed_digest
from hq.db.sealing import KeyUnavailable, Purpose
from keys import rings
from keys.models import Cmk


class KeyMaterial(NamedTuple):
    """One version of a data key: 32 bytes. Not to be stored, logged or kept longer than its use."""

    version: int
    key: bytes

    def __repr__(self) -> str:
        return f"<key version {self.version}>"


def content_key(organization_id: UUID, version: int | None = None) -> KeyMaterial:
    """The key for new files, or the one an older file names. Raises KeyUnavailable."""
    return _material(organization_id, Purpose.CONTENT, version)


def capability_key(organization_id: UUID, environment_id: UUID, version: int | None = None) -> KeyMaterial:
    """The key that seals one environment's capability tokens (KEY-5). Raises KeyUnavailable."""
    return _material(organization_id, Purpose.CAPABILITY, version, environment_id)


def kms_key(organization_id: UUID) -> str:
    """The ARN of the organization's CMK, if AWS KMS keeps it; else "". In the caller's tenant context."""
    cmk = Cmk.objects.filter(organization_id=organization_id, retired_at=None).first()
    return cmk.kms_arn if cmk else ""


def blind_index(organization_id: UUID, label: str, value: str) -> bytes:
    """HMAC-SHA256 (32 bytes) by which an equal value is found without being opened.

    `label` names table and column: the same value has another index in each. Bring the value to one form first.
    Raises KeyUnavailable.
    """
    material = _material(organization_id, Purpose.BLIND_INDEX)
    return keyed_digest(derive(material.key, info=b"hq blind index: " + label.encode()), value)


def _material(
    organization_id: UUID, purpose: Purpose, version: int | None = None, environment_id: UUID | None = None
) -> KeyMaterial:
    place = (organization_id, purpose, environment_id)
    ring = rings.cache.ring(*place)
    if version is not None and version not in ring.keys:  # perhaps another process has just made it
        ring = rings.cache.renewed(*place)
    if version is None and purpose is not Purpose.BLIND_INDEX:
        ring.seals += 1  # who asks for no version in particular means to seal a file or a token with it
    number = ring.current if version is None else version
    key = ring.keys.get(number)
    if key is None:
        raise KeyUnavailable(f"Version {number} of this organization's {purpose} key is not there.")
    return KeyMaterial(number, key)
