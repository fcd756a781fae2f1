"""What agreements are sealed with: the deployment's own root, and below it a key of each organization.

Both are made under a lock that everybody waits at, so that several who need one at once are given the same. A key that
is replaced is thrown away; its certificate stays, and stands in every PDF that it sealed.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from hq.crypto import seals
from hq.crypto.seals import BadSeal, KeyAndCertificate
from hq.db.context import tenant
from hq.db.locks import hold
from hq.lib.clock import now
from keys.registry import tenancy
from signing.models import SealKey, SealRoot

RENEWED_BEFORE: Final = timedelta(days=30)  # it ends
# A root vouches for nothing beyond its own end, so another one is taken while keys of it can still live their time.
ROOT_RENEWED_BEFORE: Final = timedelta(days=4 * 365)
_ROOT_TURN: Final = "hq.signing:root"


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A key that may seal now, and the certificate of the root that vouches for it."""

    key: KeyAndCertificate
    root_pem: str
    name: str  # of the organization, as the certificate has it


def ensure_seal_root() -> SealRoot:
    """The root in use, made if there is none or its end is near. Called whenever HQ starts."""
    with transaction.atomic():
        hold(_ROOT_TURN)
        current = SealRoot.objects.filter(retired_at=None).first()
        if current is not None and _lives_on(current.certificate, ROOT_RENEWED_BEFORE):
            return current
        if current is not None:
            current.key, current.retired_at = "", now()
            current.save(update_fields=["key", "retired_at"])
        made = seals.make_root(now())
        return SealRoot.objects.create(certificate=made.certificate_pem, key=made.key_pem)


def root_certificates() -> str:
    """The certificates of every root there ever was, newest first, in PEM: old seals must stay checkable."""
    return "".join(SealRoot.objects.order_by("-created_at").values_list("certificate", flat=True))


def sealing_key(organization_id: UUID) -> SealingKey:
    """The organization's key, made if it has none, or the one it has ends within a month. Opens its own transaction.

    Raises KeyUnavailable.
    """
    with transaction.atomic(durable=True), tenant(organization_id):
        root = SealRoot.objects.filter(retired_at=None).first() or ensure_seal_root()
        found = _in_use(organization_id, root)
        if found is None:
            hold(f"hq.signing:seal:{organization_id}")
            found = _in_use(organization_id, root) or _make(organization_id, root)
        key = KeyAndCertificate(found.key, found.certificate)
        return SealingKey(key, root.certificate, seals.read_seal(found.certificate).name)


def _in_use(organization_id: UUID, root: SealRoot) -> SealKey | None:
    """The key in use, if the root vouches for it and its end is not near."""
    found = SealKey.objects.filter(organization_id=organization_id, retired_at=None).first()
    if found is None or found.expires_at <= now() + RENEWED_BEFORE:
        return None
    try:
        seals.check_chain(found.certificate, root.certificate, now())
    except BadSeal:  # of a root that was replaced
        return None
    return found


def _make(organization_id: UUID, root: SealRoot) -> SealKey:
    at = now()
    for former in SealKey.objects.filter(organization_id=organization_id, retired_at=None):
        former.key, former.retired_at = "", at
        former.save(update_fields=["key", "retired_at"])
    above = KeyAndCertificate(root.key, root.certificate)
    made = seals.make_seal_key(above, tenancy().name_of(organization_id), organization_id, at)
    return SealKey.objects.create(
        organization_id=organization_id,
        certificate=made.certificate_pem,
        key=made.key_pem,
        expires_at=seals.read_seal(made.certificate_pem).expires_at,
    )


def _lives_on(certificate: str, time: timedelta) -> bool:
    return seals.read_seal(certificate).expires_at > now() + time
