"""Making, changing, switching and removing trusts: by people only, as each opens a way in (ACC-8)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import AUTH_METHODS, AuthMethod, Permission
from hq.authz.roles import GRANTS, Role, addable
from hq.crypto.secrets import digest
from hq.db.locks import hold
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound, Refused
from hq.lib.ids import new_id
from tenants import selectors as tenants
from workloads.actions.kinds import ONCE, BadTrust, checked_conditions
from workloads.actions.sources import find_source
from workloads.models import LONGEST_SECONDS, Token, Trust

MOST_TRUSTS = 500
SHORTEST_SECONDS = 60
NAME_MOST = 80
# What any workload can be given: what a service account is ever granted, and a workload may exercise.
GIVEN = frozenset(
    permission
    for permission in GRANTS[Role.SERVICE_ACCOUNT] | addable(Role.SERVICE_ACCOUNT)
    if AuthMethod.WORKLOAD in AUTH_METHODS.get(permission, ())
)


class TooManyTrusts(Refused):
    """There are as many trusts here as an environment can have. Remove one that is no longer needed."""


class TrustAlreadyMade(Refused):
    """This form was sent twice, and the trust was made the first time."""


class AlreadySo(Refused):
    """This was done already, or something else was meanwhile. Look at the page again."""


class ScopeNotYours(Denied):
    """A workload cannot be given a scope that you do not have yourself."""


def target_of(trust: Trust) -> Target:
    return Target("workload_trust", trust.id, trust.name)


def create_trust(
    *,
    actor: Actor,
    name: str,
    kind: str,
    issuer: str,
    audience: str,
    subject: str,
    service_account_id: UUID,
    scopes: frozenset[Permission],
    claims: Mapping[str, Any] | None = None,
    seconds: int = LONGEST_SECONDS,
    single_use: bool | None = None,
    keys: str | None = None,
    trust_id: UUID | None = None,
) -> Trust:
    """Take tokens of this issuer, for this audience, about this subject, for those of a service account.

    The issuer's keys are looked for now, unless `keys` are given. `single_use` is by kind where it is not said.
    Raises BadTrust, NotFetched, NotAProvider, NotTrusted, ScopeNotYours, NotFound (the account), TooManyTrusts,
    TrustAlreadyMade.
    """
    gate.require(actor, Permission.WORKLOADS_MANAGE)
    here = Trust.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))
    conditions = checked_conditions(kind, issuer=issuer, audience=audience, subject=subject, claims=claims or {})
    source = find_source(actor.organization_id, issuer, keys)  # before others have to wait
    hold(f"hq.workloads:{environment_of(actor)}")
    if here.count() >= MOST_TRUSTS:
        raise TooManyTrusts
    trust = Trust(
        id=trust_id or new_id(),
        organization_id=actor.organization_id,
        environment_id=environment_of(actor),
        kind=kind,
        created_by_id=actor.person_id or actor.id,
    )
    trust.conditions, trust.source = conditions, source
    _set_terms(actor, trust, name=name, service_account_id=service_account_id, scopes=scopes, seconds=seconds)
    trust.single_use = kind in ONCE if single_use is None else single_use
    try:
        with transaction.atomic():
            trust.save(force_insert=True)
    except IntegrityError as error:
        raise TrustAlreadyMade from error
    recorder.record(actor, Tag.WORKLOAD_TRUST_CREATED, target=target_of(trust), after=described(trust))
    return trust


def change_trust(
    *,
    actor: Actor,
    trust_id: UUID,
    name: str,
    issuer: str,
    audience: str,
    subject: str,
    service_account_id: UUID,
    scopes: frozenset[Permission],
    claims: Mapping[str, Any] | None = None,
    seconds: int = LONGEST_SECONDS,
    single_use: bool | None = None,
    keys: str | None = None,
) -> Trust:
    """As `create_trust`, for one that is there. Tokens that were given by it end, unless only its name is new."""
    gate.require(actor, Permission.WORKLOADS_MANAGE)
    kind = get_own(actor, trust_id).kind
    conditions = checked_conditions(kind, issuer=issuer, audience=audience, subject=subject, claims=claims or {})
    source = find_source(actor.organization_id, issuer, keys)  # before the row is locked
    trust = get_own(actor, trust_id, lock=True)
    before = described(trust)
    trust.conditions, trust.source = conditions, source
    _set_terms(actor, trust, name=name, service_account_id=service_account_id, scopes=scopes, seconds=seconds)
    trust.single_use = kind in ONCE if single_use is None else single_use
    trust.changed_at = now()
    trust.save()
    after = described(trust)
    if {**before, "name": ""} != {**after, "name": ""}:
        end_tokens(trust)
    recorder.record(actor, Tag.WORKLOAD_TRUST_CHANGED, target=target_of(trust), before=before, after=after)
    return trust


def disable_trust(*, actor: Actor, trust_id: UUID) -> Trust:
    """Exchange nothing by it from now on. Its tokens end with it, also for when it is switched on again.

    Raises NotFound, AlreadySo.
    """
    gate.require(actor, Permission.WORKLOADS_MANAGE)
    trust = get_own(actor, trust_id, lock=True)
    if trust.disabled_at is not None:
        raise AlreadySo
    trust.disabled_at = now()
    trust.save(update_fields=["disabled_at"])
    ended = end_tokens(trust)
    recorder.record(actor, Tag.WORKLOAD_TRUST_DISABLED, target=target_of(trust), after={"tokens_ended": ended})
    return trust


def enable_trust(*, actor: Actor, trust_id: UUID) -> Trust:
    """Exchange tokens by it again. Raises NotFound, AlreadySo."""
    gate.require(actor, Permission.WORKLOADS_MANAGE)
    trust = get_own(actor, trust_id, lock=True)
    if trust.disabled_at is None:
        raise AlreadySo
    trust.disabled_at = None
    trust.save(update_fields=["disabled_at"])
    recorder.record(actor, Tag.WORKLOAD_TRUST_ENABLED, target=target_of(trust), after=described(trust))
    return trust


def remove_trust(*, actor: Actor, trust_id: UUID) -> None:
    """Forget it, its tokens and its exchanges; the trail keeps what was given. Raises NotFound."""
    gate.require(actor, Permission.WORKLOADS_MANAGE)
    trust = get_own(actor, trust_id, lock=True)
    target, before = target_of(trust), described(trust)
    Trust.objects.filter(organization_id=actor.organization_id, pk=trust.id).delete()
    recorder.record(actor, Tag.WORKLOAD_TRUST_REMOVED, target=target, before=before)


def get_own(actor: Actor, trust_id: UUID, *, lock: bool = False) -> Trust:
    """One of the actor's environment, for a caller that has asked the gate for its own verb. Raises NotFound."""
    rows = Trust.objects.filter(
        organization_id=actor.organization_id, environment_id=environment_of(actor), pk=trust_id
    )
    trust = (rows.select_for_update(no_key=True) if lock else rows).first()
    if trust is None:
        raise NotFound
    return trust


def end_tokens(trust: Trust) -> int:
    """Tokens that were given by it are refused from now on."""
    return Token.objects.filter(organization_id=trust.organization_id, trust_id=trust.id).delete()[0]


def _set_terms(
    actor: Actor, trust: Trust, *, name: str, service_account_id: UUID, scopes: frozenset[Permission], seconds: int
) -> None:
    """What a token is given for."""
    if not name.strip() or len(name) > NAME_MOST or not name.isprintable():
        raise BadTrust(f"Give it a name of at most {NAME_MOST} characters.", pointer="/name")
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise BadTrust(f"A token works for {SHORTEST_SECONDS} to {LONGEST_SECONDS} seconds.", pointer="/seconds")
    if not scopes or not scopes <= GIVEN:
        raise BadTrust("Choose at least one scope, from those that a workload can have.", pointer="/scopes")
    if not scopes <= actor.permissions | actor.within:
        raise ScopeNotYours
    account = tenants.get_service_account(actor, service_account_id, lock=True)
    trust.name, trust.seconds, trust.scopes = name.strip(), seconds, sorted(scopes)
    trust.service_account_id = account.id


def described(trust: Trust) -> dict[str, Any]:
    """What the trail keeps of it. Of pasted keys only which."""
    pasted = digest(trust.source.get("keys", "")).hex()[:16]
    return {
        "name": trust.name,
        "kind": str(trust.kind),
        **trust.conditions,
        "keys": trust.source.get("jwks_uri", f"pasted {pasted}"),
        "service_account": str(trust.service_account_id),
        "scopes": [str(scope) for scope in trust.scopes],
        "seconds": trust.seconds,
        "single_use": trust.single_use,
    }
