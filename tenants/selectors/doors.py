"""Whether a session may come into an organization, by what its policy asks (ACC-5). Missing data refuses."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator

from tenants.models import TOTP
from tenants.selectors.places import Belonging

_RECOVERY = Authenticator.Type.RECOVERY_CODES.value
_network = lru_cache(maxsize=4096)(ip_network)


class Obstacle(StrEnum):
    """What stands between a session and an organization. Each is met in another place."""

    NETWORK = "network"  # somewhere else
    OVER = "over"  # by signing in again
    ADDRESS = "address"  # with another e-mail address
    SSO = "sso"  # by signing in with the organization's identity provider
    FACTOR = "factor"  # by using a second factor
    NO_FACTOR = "no-factor"  # by adding one


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a session. Times are seconds since 1970; `seen_at` is the use before this one.

    `factors` are the ids of those used in it, by kind; `sso` and `sso_mfa` say whether the organization's own provider
    let them in, and whether it asked for a second factor. `unused` is the longest that nobody used it, in seconds.
    """

    person_id: UUID
    email: str
    at: int
    ip: str | None
    signed_in_at: int | None
    seen_at: int | None
    factors: dict[str, frozenset[int]]
    sso: bool
    sso_mfa: bool
    unused: int = 0


def facts_of(
    session: Any,
    *,
    person_id: UUID,
    email: str,
    organization_id: UUID,
    at: int,
    ip: str | None,
    seen_at: int,
    connection: Callable[[UUID], UUID | None] | None,
) -> Facts:
    """From the session's own record: allauth's of factors, directory's of single sign-on, ours of times.

    `connection` tells which one lets people in now; None where nobody asks about single sign-on. Who came by one that
    was switched off since did not come by it: after a provider was taken over, switching it off must end what came of
    it.
    """
    factors: dict[str, frozenset[int]] = {}
    for used in session.get("account_authentication_methods", []):
        if used.get("method") == "mfa" and "id" in used:
            factors[used["type"]] = factors.get(used["type"], frozenset()) | {used["id"]}
    provider = session.get("hq.sso", {}).get(str(organization_id))
    if provider is not None and (connection is None or provider.get("connection") != str(connection(organization_id))):
        provider = None
    return Facts(
        person_id=person_id,
        email=email,
        at=at,
        ip=ip,
        signed_in_at=session.get("hq.signed_in_at"),
        seen_at=seen_at or None,
        factors=factors,
        sso=provider is not None,
        sso_mfa=provider is not None and provider.get("mfa") is True,
        unused=session.get("hq.unused", 0),
    )


def find_obstacle(place: Belonging, facts: Facts) -> Obstacle | None:
    """The first thing in the way, or None. Asks the database only where a second factor is required."""
    if place.networks and not is_within(facts.ip, place.networks):
        return Obstacle.NETWORK
    if _is_over(facts.signed_in_at, place.lifetime_minutes, facts.at):
        return Obstacle.OVER
    idle_since = (facts.seen_at or facts.signed_in_at, facts.at - facts.unused)
    if any(_is_over(since, place.idle_minutes, facts.at) for since in idle_since):
        return Obstacle.OVER
    if not is_at(facts.email, place.email_domains):
        return Obstacle.ADDRESS
    if place.sso_required and not facts.sso and facts.person_id != place.break_glass_id:
        return Obstacle.SSO
    return _missing_factor(place, facts) if place.mfa_required else None


def is_at(email: str, domains: Sequence[str]) -> bool:
    """True if the address is at one of these domains, or if there are none. A domain is compared as a whole."""
    return not domains or email.rpartition("@")[2] in domains


def is_within(ip: str | None, networks: Iterable[str]) -> bool:
    """True if the address lies in one of them. An IPv4 address written as IPv6 is the IPv4 address."""
    if ip is None:
        return False
    address = ip_address(ip)
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in _network(network) for network in networks)


def _is_over(since: int | None, minutes: int | None, at: int) -> bool:
    if minutes is None:
        return False
    return since is None or not since <= at < since + int(timedelta(minutes=minutes).total_seconds())


def _missing_factor(place: Belonging, facts: Facts) -> Obstacle | None:
    if place.mfa_by_provider and facts.sso_mfa:
        return None
    rows = Authenticator.objects.filter(user_id=facts.person_id, type__in=_kinds_that_count(place.mfa_factors))
    owned = dict(rows.values_list("id", "type"))
    if any(factor in owned for used in facts.factors.values() for factor in used):
        return None
    return Obstacle.FACTOR if set(owned.values()) - {_RECOVERY} else Obstacle.NO_FACTOR


def _kinds_that_count(factors: list[str]) -> list[str]:
    """A recovery code stands for the app: where only keys count, it does not."""
    return [*factors, _RECOVERY] if TOTP in factors else list(factors)
