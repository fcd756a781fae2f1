"""Reads of agreements. Those without an actor serve the actions and the signers' pages, which have shown who asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.lib.errors import NotFound
from hq.lib.mail_addresses import spell_address
from keys import selectors as keys
from signing.models import Agreement, Field, Signer, Step
from signing.models.batches import TABLES_KEPT

_RELATED = ("document", "final", "environment")


def email_index(organization_id: UUID, email: str) -> bytes:
    """By which everything of an address is found (32 bytes). Raises KeyUnavailable."""
    return keys.blind_index(organization_id, "signing.email", spell_address(email) or "")


def locate_link(token_digest: bytes) -> tuple[UUID, UUID] | None:
    """Organization and signer of a link, before any organization is known."""
    row = lookups.one("signing_find_link", token_digest)
    return (row["organization_id"], row["signer_id"]) if row else None


def locate_session(token_digest: bytes) -> tuple[UUID, UUID | None] | None:
    """Organization and signer of a browser's session; no signer where it shows an address."""
    row = lookups.one("signing_find_session", token_digest)
    return (row["organization_id"], row["signer_id"]) if row else None


def list_organizations_due(at: datetime) -> list[UUID]:
    """Those with agreements that expire or are to be reminded of, or with doors or unsent tables to clear away."""
    found = [*lookups.call("signing_find_due", at), *lookups.call("signing_find_unsent", at - TABLES_KEPT)]
    return list(dict.fromkeys(row["organization_id"] for row in found))


def visible(actor: Actor, permission: Permission = Permission.SHARES_READ) -> QuerySet[Agreement]:
    """The environment's agreements that the actor may see: their own, or all for whoever reads the trail."""
    gate.require(actor, permission)
    rows = Agreement.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))
    if gate.allows(actor, Permission.AUDIT_READ):
        return rows
    return rows.filter(own(actor))


def own(actor: Actor) -> Q:
    """What they made, and what was made by their keys: of agreements, and of tables of people."""
    made = Q(created_by_kind=actor.kind, created_by_id=actor.id)
    return made if actor.principal_id is None else made | Q(membership_id=actor.principal_id)


def get_agreement(
    actor: Actor, agreement_id: UUID, *, permission: Permission = Permission.SHARES_READ, lock: bool = False
) -> Agreement:
    """One that the actor may see. Raises Denied, NotFound."""
    rows = visible(actor, permission).filter(id=agreement_id).select_related(*_RELATED)
    if lock:
        rows = rows.select_for_update(no_key=True, of=("self",))
    found = rows.first()
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which agreements: in a state, of a template, or only one's own. Empty: any."""

    state: str = ""
    template_id: UUID | None = None
    own: bool = False


ALL: Final = Wanted()


def list_agreements(
    actor: Actor, *, before: UUID | None = None, limit: int = 50, wanted: Wanted = ALL
) -> Sequence[Agreement]:
    """Newest first, at most `limit` of those older than `before`."""
    rows = visible(actor).select_related("document")
    if wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.template_id is not None:
        rows = rows.filter(template_id=wanted.template_id)
    if wanted.own:
        rows = rows.filter(own(actor))
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def find_sent(actor: Actor, agreement_ids: Sequence[UUID]) -> dict[UUID, tuple[Agreement, list[str]]]:
    """Those of them that are still there and may be seen, with the names of their people in order."""
    found = {row.id: (row, list[str]()) for row in visible(actor).filter(id__in=agreement_ids)}
    people = Signer.objects.filter(organization_id=actor.organization_id, agreement_id__in=found)
    for one in people.exclude(state=Signer.State.DELEGATED).order_by("position"):
        found[one.agreement_id][1].append(one.name)
    return found


def count_progress(actor: Actor, agreement_ids: Sequence[UUID]) -> dict[UUID, tuple[int, int]]:
    """Of each, how many have acted and how many are to act. Ids that `list_agreements` gave."""
    acting = Signer.objects.filter(organization_id=actor.organization_id, agreement_id__in=agreement_ids)
    acting = acting.exclude(kind=Signer.Kind.VIEWER).exclude(state=Signer.State.DELEGATED)
    rows = acting.values_list("agreement_id").annotate(
        signed=Count("id", filter=Q(state=Signer.State.SIGNED)), asked=Count("id")
    )
    return {agreement_id: (signed, asked) for agreement_id, signed, asked in rows}


def lock_agreement(organization_id: UUID, agreement_id: UUID) -> Agreement:
    """For whoever has shown who they are. Everything that happens to an agreement waits for its turn here."""
    rows = Agreement.objects.filter(organization_id=organization_id, id=agreement_id).select_related(*_RELATED)
    found = rows.select_for_update(no_key=True, of=("self",)).first()
    if found is None:
        raise NotFound
    return found


def list_signers(agreement: Agreement) -> list[Signer]:
    """As the sender listed them."""
    rows = Signer.objects.filter(organization_id=agreement.organization_id, agreement_id=agreement.id)
    return list(rows.order_by("position"))


def list_fields(agreement: Agreement, signer: Signer | None = None) -> list[Field]:
    """In reading order; of one signer, if one is named."""
    rows = Field.objects.filter(organization_id=agreement.organization_id, agreement_id=agreement.id)
    rows = rows.select_related("signer")
    if signer is not None:
        rows = rows.filter(signer_id=signer.id)
    return list(rows.order_by("number"))


def list_steps(agreement: Agreement) -> list[Step]:
    """The whole chain, from its first link."""
    rows = Step.objects.filter(organization_id=agreement.organization_id, agreement_id=agreement.id)
    return list(rows.order_by("index"))


def find_signer(organization_id: UUID, signer_id: UUID) -> Signer | None:
    """In the organization's context."""
    rows = Signer.objects.filter(organization_id=organization_id, id=signer_id)
    return rows.select_related("agreement__document", "agreement__final", "agreement__environment").first()
