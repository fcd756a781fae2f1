"""A workload's token for one of ours: exchanging it, trying it, and knowing ours again (ACC-8, RFC 8693).

Whoever asks has shown nothing yet. So a refusal looks the same whatever its reason, which only the organization reads,
and what is not refused by a trust's own organization costs about as much as what is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from time import time
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from joserfc.jwk import KeySet, RSAKey

from audit import recorder
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role, addable, granted
from hq.crypto.secrets import digest, is_word, random_word
from hq.db import lookups
from hq.db.context import tenant
from hq.db.sealing import on_behalf_of
from hq.lib.clock import now
from hq.lib.errors import Invalid, Unauthenticated
from hq.lib.workload_tokens import Check, Expected, NotReadable, Verdict, check, find_claim, read, shown
from hq.limits.buckets import Bucket, LimitsUnavailable, take
from tenants import selectors as tenants
from workloads import selectors
from workloads.actions.sources import key_finder
from workloads.actions.trusts import target_of
from workloads.models import Exchange, Token, Trust, UsedToken

PREFIX = "hqw_"
SECRET_LENGTH = 43  # 256 bits
# Refusals of one trust that are kept in an hour: who only knows its id must not fill the organization's list.
MOST_REFUSALS = 200
# Reasons of a refusal that are no checks of the token.
DISABLED, ACCOUNT, USED, SCOPE, CHANGED = "disabled", "account", "used", "scope", "changed"
_REASON_MOST = 60


class NotExchanged(Invalid):
    """The token was not exchanged. Why stands in the list of exchanges of the organization that trusts it, if any."""


class BadScope(Invalid):
    """The scope asked for is more than the trust gives."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token of ours, known only now, and how long and for what it works."""

    token: str
    seconds: int
    scopes: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a trust said when the token was looked at. `fault`: why nothing is exchanged by it at all."""

    trust_id: UUID
    actor: Actor
    expected: Expected
    source: dict[str, Any]
    scopes: Sequence[str]
    changed_at: datetime
    fault: str


def exchange_token(
    *, trust_id: UUID, subject_token: str, scope: frozenset[Permission] | None = None, origin: Origin
) -> Issued:
    """Give a token of ours for one that the trust takes. `scope`: a subset of what it gives; None for all of it.

    Opens transactions of its own: one for what the trust says, one for what comes of it, and none while its issuer is
    asked for keys. Raises NotExchanged; BadScope, if only that is wrong.
    """
    terms = _find_terms(trust_id, origin)
    if terms is None:
        _spend_as_much(subject_token)
        raise NotExchanged
    with on_behalf_of(terms.actor.kind, terms.actor.id):
        verdict = check(subject_token, terms.expected, key_finder(terms.source), at=time())
        reason = terms.fault or verdict.reason
        with tenant(terms.actor.organization_id):
            outcome = reason or _give(terms, verdict, scope)
            if isinstance(outcome, str):
                _note_refusal(terms, verdict, outcome)
    if outcome == SCOPE:
        raise BadScope
    if isinstance(outcome, str):
        raise NotExchanged
    return outcome


def _find_terms(trust_id: UUID, origin: Origin) -> _Terms | None:
    """What the trust says, read without a lock: it is read again when a token is given."""
    found = lookups.one("workloads_find_trust", trust_id)
    if found is None or not tenants.lets_in(found["state"]):
        return None
    with on_behalf_of("workload", trust_id), tenant(found["organization_id"]):
        rows = Trust.objects.filter(organization_id=found["organization_id"], pk=trust_id)
        trust = rows.select_related("service_account").first()
        if trust is None:
            return None
        return _Terms(
            trust_id=trust_id,
            actor=_actor(found, trust, origin),
            expected=expected_of(trust),
            source=dict(trust.source),
            scopes=tuple(trust.scopes),
            changed_at=trust.changed_at,
            fault=_fault_of(trust),
        )


def _fault_of(trust: Trust) -> str:
    if trust.disabled_at is not None:
        return DISABLED
    return ACCOUNT if trust.service_account.ended_at is not None else ""


def _actor(found: dict[str, Any], trust: Trust, origin: Origin) -> Actor:
    """Who gets a token: the workload, in the trail. It may do nothing by that."""
    return Actor(
        organization_id=found["organization_id"],
        environment_id=found["environment_id"],
        home_environment_id=found["live_id"],
        kind="workload",
        id=trust.id,
        label=trust.name,
        method=AuthMethod.WORKLOAD,
        principal_id=trust.service_account_id,
        permissions=frozenset(),
        origin=origin,
    )


def expected_of(trust: Trust) -> Expected:
    """What its tokens have to say."""
    said = trust.conditions
    return Expected(said["issuer"], said["audience"], said["subject"], said["claims"], once=trust.single_use)


# ---- giving


def _give(terms: _Terms, verdict: Verdict, scope: frozenset[Permission] | None) -> Issued | str:
    """The token, or the reason of a refusal. The trust is locked: what is given is of the trust as it is now."""
    actor = terms.actor
    rows = Trust.objects.filter(organization_id=actor.organization_id, pk=terms.trust_id)
    trust = rows.select_related("service_account").select_for_update(no_key=True, of=("self",)).first()
    if trust is None or trust.changed_at != terms.changed_at:
        return CHANGED
    if fault := _fault_of(trust):
        return fault
    if scope is not None and not scope <= {*trust.scopes}:
        return SCOPE
    ends_at = _token_end(verdict)
    seconds = min(trust.seconds, int((ends_at - now()).total_seconds()))
    if seconds < 1:
        return "time"
    if trust.single_use and not _first_use(trust, str(verdict.claims["jti"]), ends_at):
        return USED
    return _issue(actor, trust, verdict, sorted(scope or trust.scopes), seconds)


def _token_end(verdict: Verdict) -> datetime:
    return datetime.fromtimestamp(verdict.claims["exp"], UTC)


def _first_use(trust: Trust, jti: str, ends_at: datetime) -> bool:
    try:
        with transaction.atomic():
            UsedToken.objects.create(
                organization_id=trust.organization_id, trust_id=trust.id, digest=digest(jti), expires_at=ends_at
            )
    except IntegrityError:
        return False
    return True


def _issue(actor: Actor, trust: Trust, verdict: Verdict, scopes: list[str], seconds: int) -> Issued:
    secret = random_word(PREFIX, SECRET_LENGTH)
    at = now()
    token = Token.objects.create(
        organization_id=trust.organization_id,
        trust_id=trust.id,
        digest=digest(secret),
        scopes=scopes,
        created_at=at,
        expires_at=at + timedelta(seconds=seconds),
    )
    given = {"token_id": str(token.id), "scopes": [str(scope) for scope in scopes], "seconds": seconds}
    _note(actor, trust.id, verdict, given=given)
    Trust.objects.filter(organization_id=trust.organization_id, pk=trust.id).update(last_used_at=at)
    after = given | {"subject": shown(verdict.claims.get("sub")), "service_account": str(trust.service_account_id)}
    recorder.record(actor, Tag.WORKLOAD_TOKEN_ISSUED, target=target_of(trust), after=after)
    return Issued(secret, seconds, scopes)


# ---- what is kept of it


def _note_refusal(terms: _Terms, verdict: Verdict, reason: str) -> None:
    try:
        kept = take(Bucket("workload_refusals", str(terms.trust_id), MOST_REFUSALS, 3600)).allowed
    except LimitsUnavailable:
        kept = True
    rows = Trust.objects.filter(organization_id=terms.actor.organization_id, pk=terms.trust_id)
    if kept and rows.select_for_update(no_key=True).first() is not None:  # or it might go, and the line with it
        _note(terms.actor, terms.trust_id, verdict, reason=reason)


def _note(
    actor: Actor, trust_id: UUID, verdict: Verdict, *, reason: str = "", given: dict[str, Any] | None = None
) -> None:
    """A line in the organization's list: `detail` is what `told` says, and what was given."""
    Exchange.objects.create(
        organization_id=actor.organization_id,
        trust_id=trust_id,
        given=given is not None,
        reason=reason[:_REASON_MOST],
        detail=told(verdict) | {"given": given},
        ip=actor.origin.ip,
        request_id=actor.origin.request_id,
    )


def told(verdict: Verdict) -> dict[str, Any]:
    """What is kept of a token that was looked at: each check, and what it says in the claims that were compared.

    Values are short texts, as `shown` writes them. The token itself is never kept.
    """
    names = [each.name.removeprefix("claim:") for each in verdict.checks if each.name.startswith("claim:")]
    claims = {name: [shown(value) for value in find_claim(verdict.claims, name)] for name in names}
    said = {name: shown(verdict.claims[name]) for name in ("iss", "sub", "aud", "jti") if name in verdict.claims}
    checks = [{"name": each.name, "passed": each.passed, "detail": each.detail} for each in verdict.checks]
    return {"checks": checks, "token": said | {"claims": claims}}


# ---- trying


def dry_run(*, actor: Actor, trust_id: UUID, token: str) -> list[Check]:
    """Check a token as an exchange would, in the same order. Nothing is given, used up or kept. Raises NotFound."""
    gate.require(actor, Permission.API_KEYS_READ)
    with tenant(actor.organization_id):
        trust = selectors.get_trust(actor, trust_id)
        expected, source, fault = expected_of(trust), dict(trust.source), _fault_of(trust)
    verdict = check(token, expected, key_finder(source), at=time())
    checks = [replace(each) for each in verdict.checks]
    if verdict.holds and expected.once:
        checks.append(_not_used(actor, trust_id, verdict))
    if fault == DISABLED:
        checks.append(Check(DISABLED, passed=False, detail="The trust is switched off."))
    if fault == ACCOUNT:
        checks.append(Check(ACCOUNT, passed=False, detail="The service account has ended."))
    return checks


def _not_used(actor: Actor, trust_id: UUID, verdict: Verdict) -> Check:
    with tenant(actor.organization_id):
        used = UsedToken.objects.filter(
            organization_id=actor.organization_id, trust_id=trust_id, digest=digest(str(verdict.claims["jti"]))
        ).exists()
    told = "It was exchanged already, and is taken once." if used else "It was not exchanged before."
    return Check(USED, passed=not used, detail=told)


# ---- ours


def authenticate_workload(*, secret: str, origin: Origin) -> Actor:
    """The actor that a token of ours stands for. All that it stands on is read every time. Raises Unauthenticated."""
    found = lookups.one("workloads_find_token", digest(secret)) if is_word(secret, PREFIX, SECRET_LENGTH) else None
    if found is None or found["expires_at"] <= now() or not tenants.lets_in(found["state"]):
        raise Unauthenticated
    if found["disabled_at"] is not None or found["ended_at"] is not None:
        raise Unauthenticated
    scopes = frozenset(Permission(scope) for scope in found["scopes"])
    by_rules = tenants.opens_by_rules(found["reach"])
    return Actor(
        organization_id=found["organization_id"],
        environment_id=found["environment_id"],
        home_environment_id=found["live_id"],
        kind="workload",
        id=found["trust_id"],
        label=found["name"],
        method=AuthMethod.WORKLOAD,
        principal_id=found["service_account_id"],
        permissions=scopes & granted(Role.SERVICE_ACCOUNT, by_rules=by_rules),
        within=scopes & addable(Role.SERVICE_ACCOUNT),
        role=Role.SERVICE_ACCOUNT,
        origin=origin,
    )


@cache
def _key_of_nobody() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig"}, private=False)


def _nobody(kid: str) -> KeySet:
    return KeySet([RSAKey(_key_of_nobody().raw_value, None, {"kid": kid, "use": "sig"})])


def _spend_as_much(token: str) -> None:
    """There is no such trust: look at the token all the same, signature and all, or the time would tell."""
    try:
        issuer = str(read(token).claims.get("iss"))
    except NotReadable:
        return
    check(token, Expected(issuer, "nobody", "nobody"), _nobody, at=time())
