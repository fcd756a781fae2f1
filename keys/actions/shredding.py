"""The end of every key of an organization, when the organization itself is erased, and the certificate (KEY-11)."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from hq.crypto.secrets import digest
from hq.crypto.statements import file_name, timestamp
from hq.db.context import tenant
from hq.lib.clock import now
from keys import rings
from keys.actions.signing import issue_statement
from keys.actions.turns import wait_for_turn
from keys.models import Cmk, DataKey, Destruction, Statement
from keys.providers import KeyState, provider


def shred_keys(organization_id: UUID) -> list[dict[str, Any]]:
    """Destroy every CMK and throw away whatever they wrapped; what a certificate says of each.

    Whoever calls this has waited and was agreed to. Done again, it changes nothing and says the same. A customer's own
    key in AWS KMS is theirs to destroy; a provider that waits is told, and what its key wrapped is gone all the same.
    Raises ProviderError: then the wrapped keys are gone already, and it is to be tried again.
    """
    with transaction.atomic(), tenant(organization_id):
        wait_for_turn(organization_id)
        DataKey.objects.filter(organization_id=organization_id, destroyed_at=None).update(
            wrapped=None, destroyed_at=now()
        )
        # What is decided on here leaves nothing for these to do.
        Destruction.objects.filter(organization_id=organization_id, state__in=Destruction.OPEN).update(
            state=Destruction.State.CANCELLED, ended_at=now()
        )
    rings.forget(organization_id)
    with tenant(organization_id):
        cmks = list(Cmk.objects.filter(organization_id=organization_id).order_by(F("retired_at").asc(nulls_last=True)))
    return [_shred(cmk) for cmk in cmks]


def is_shredded(organization_id: UUID) -> bool:
    """Whether nothing wrapped is left, and no CMK that HQ may destroy. Until this transaction ends none is made.

    A rotation or a move that was under way may have made one after the others were destroyed.
    """
    wait_for_turn(organization_id)
    of_them = {"organization_id": organization_id}
    gone = Q(customer_owned=True) | Q(state__in=[KeyState.DESTROYED, KeyState.PENDING_DELETION])
    return not (
        DataKey.objects.filter(**of_them, wrapped__isnull=False).exists()
        or Cmk.objects.filter(**of_them).exclude(gone).exists()
    )


def _shred(cmk: Cmk) -> dict[str, Any]:
    """One at a time, so that a fault of one provider leaves the others destroyed."""
    if cmk.state != KeyState.DESTROYED and not cmk.customer_owned:
        at = provider(cmk.provider).destroy_key(cmk.ref)
        cmk.state, cmk.delete_at = (KeyState.PENDING_DELETION, at) if at else (KeyState.DESTROYED, None)
        with tenant(cmk.organization_id):
            cmk.save(update_fields=["state", "delete_at"])
    return _described(cmk)


def _described(cmk: Cmk) -> dict[str, Any]:
    """Its data keys are counted only; `thumbprints` tells which they were."""
    with tenant(cmk.organization_id):
        count = DataKey.objects.filter(organization_id=cmk.organization_id, cmk=cmk).count()
    return {
        "cmk": cmk.ref,
        "provider": cmk.provider,
        "customer_owned": cmk.customer_owned,
        "versions": cmk.version,
        "data_keys_total": count,
        "destroyed_at": timestamp(cmk.delete_at or now()) if not cmk.customer_owned else None,
    }


def thumbprints(organization_id: UUID) -> str:
    """SHA-256, in hexadecimal, over the fingerprints of every wrapped data key, sorted. In the caller's transaction."""
    rows = DataKey.objects.filter(organization_id=organization_id, destroyed_at=None).values_list("fingerprint")
    return digest(b"".join(sorted(bytes(row[0] or b"") for row in rows))).hex()


def certify_erasure(organization_id: UUID, body: Mapping[str, Any]) -> UUID:
    """Sign what was erased and keep the file; its id. In the caller's transaction. Raises KeyUnavailable."""
    statement: UUID = issue_statement(organization_id, Statement.Kind.ERASURE, body).id
    return statement


def certificate_file(organization_id: UUID, statement_id: UUID) -> tuple[str, str]:
    """Name and text of the file, for the mail that a job sends. In the caller's tenant transaction."""
    found = Statement.objects.get(organization_id=organization_id, id=statement_id)
    return file_name(json.loads(found.file)["statement"]), found.file
