"""What /v1 shows of an agreement."""

from typing import Any

import orjson

from signing import selectors
from signing.models import Agreement, Field, Signer, Step

_AGREEMENT = (
    "id title message state source version days remind_every may_delegate template_id created_at sent_at expires_at"
    " ended_at reason level length"
)
_SIGNER = (
    "id position turn kind method role name email state delegated_to_id sent_at bounced_at viewed_at consented_at"
    " signed_at reason"
)
_FIELD = "number signer_id kind page x y width height label required"


def agreement_body(agreement: Agreement) -> dict[str, Any]:
    return {name: getattr(agreement, name) for name in _AGREEMENT.split()} | {
        "document_sha256": agreement.document.sha256,
        "pages": agreement.document.pages,
        "created_by": agreement.created_by_label,
        "head": bytes(agreement.head).hex(),
    }


def signer_body(signer: Signer) -> dict[str, Any]:
    return {name: getattr(signer, name) for name in _SIGNER.split()}


def field_body(field: Field) -> dict[str, Any]:
    """What somebody has filled in to finish later is theirs until they have signed."""
    signed = field.signer.state == Signer.State.SIGNED
    return {name: getattr(field, name) for name in _FIELD.split()} | {"value": field.value if signed else None}


def step_body(step: Step) -> dict[str, Any]:
    return {
        "index": step.index,
        "kind": step.kind,
        "at": step.at,
        "signer_id": step.signer_id,
        "facts": orjson.loads(step.document)["facts"],
        "previous": bytes(step.previous).hex(),
        "hash": bytes(step.hash).hex(),
    }


def detail_body(agreement: Agreement) -> dict[str, Any]:
    """With who signs it, where, and everything that was done. In the organization's context."""
    return agreement_body(agreement) | {
        "signers": [signer_body(one) for one in selectors.list_signers(agreement)],
        "fields": [field_body(one) for one in selectors.list_fields(agreement)],
        "steps": [step_body(one) for one in selectors.list_steps(agreement)],
    }
