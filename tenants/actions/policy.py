"""Changing what an organization asks of its people (ACC-5). Whoever changes it must still be able to come in."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from ipaddress import IPv6Network, ip_network
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import QuerySet

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.lib.errors import NotFound, Refused
from hq.lib.mail_addresses import spell_domain
from tenants import registry, selectors
from tenants.models import FACTORS, WEBAUTHN, Membership, Organization, Policy, User
from tenants.selectors import Facts, Obstacle
from tenants.selectors.doors import is_at
from tenants.selectors.policy import Effect, Terms, foresee

IDLE, LIFETIME = range(5, 12 * 60 + 1), range(15, 12 * 60 + 1)
MOST_LINES = 50


class PolicyRefused(Refused):
    """This policy cannot be saved as it is."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = faults


class PolicyChanged(Refused):
    """The policy was changed after this was reviewed. Nothing was saved; look at it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A change as it would be saved: from what, and whom it touches."""

    before: Terms
    effects: list[Effect]


def review_policy(*, actor: Actor, wanted: Terms, facts: Facts) -> Review:
    """What this change would do, without doing it. Raises PolicyRefused, with a sentence for each field."""
    gate.require(actor, Permission.POLICY_CHANGE)
    organization = Organization.objects.get(pk=actor.organization_id)
    before = Terms.of(organization)
    _refuse_faults(actor, organization, wanted, facts)
    came = registry.people_by_sso(organization.id) if wanted.sso_required else ()
    return Review(before=before, effects=foresee(actor, before=before, after=wanted, came_by_sso=came))


def change_policy(*, actor: Actor, reviewed: Terms, wanted: Terms, facts: Facts) -> Organization:
    """Make `wanted` what the organization asks, as long as `reviewed` is what it asks now.

    It holds from the next request on, for whoever is in already too. `facts` are those of the session that saves.

    Raises:
        PolicyChanged: somebody was faster.
        PolicyRefused: with a sentence for each field.
    """
    gate.require(actor, Permission.POLICY_CHANGE)
    organization = Organization.objects.select_for_update(no_key=True).get(pk=actor.organization_id)
    before = Terms.of(organization)
    if before != reviewed:
        raise PolicyChanged
    if wanted == before:
        return organization
    _refuse_faults(actor, organization, wanted, facts)
    changed = {name: value for name, value in wanted.plain().items() if value != before.plain()[name]}
    for name in changed:
        value = getattr(wanted, name)
        setattr(organization, name, list(value) if isinstance(value, tuple) else value)
    organization.save(update_fields=list(changed))
    recorder.record(
        actor,
        Tag.POLICY_CHANGED,
        target=Target("organization", organization.id, organization.name),
        before=_told({name: before.plain()[name] for name in changed}),
        after=_told(changed),
    )
    return organization


def _told(values: dict[str, Any]) -> dict[str, Any]:
    """For the trail: who may come in around single sign-on, by their address."""
    owner_id = values.get("break_glass_id")
    if owner_id is None:
        return values
    return values | {"break_glass_id": User.objects.get(pk=owner_id).email}


# ---- what a policy may say


def read_network(text: str) -> str:
    """A network in its one spelling; a single address is a network of one. Raises ValueError with a sentence."""
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(f"Enter networks such as 203.0.113.0/24 or 2001:db8::/32. “{text.strip()}” is none.") from None
    if isinstance(network, IPv6Network) and (network.network_address.scope_id or network.network_address.ipv4_mapped):
        raise ValueError(f"“{text.strip()}” is an address of another kind written as IPv6. Write it as it is.")
    return str(network)


def _refuse_faults(actor: Actor, organization: Organization, wanted: Terms, facts: Facts) -> None:
    """Nonsense first; then whether those come in on whom it depends."""
    faults = _nonsense(wanted) or _closed_doors(actor, organization, wanted, facts)
    if faults:
        raise PolicyRefused(faults)


def _nonsense(wanted: Terms) -> dict[str, str]:
    faults: dict[str, str] = {}
    if wanted.idle_minutes is not None and wanted.idle_minutes not in IDLE:
        faults["idle_minutes"] = "Between 5 minutes and 12 hours (720), or nothing."
    if wanted.lifetime_minutes is not None and wanted.lifetime_minutes not in LIFETIME:
        faults["lifetime_minutes"] = "Between 15 minutes and 12 hours (720), or nothing."
    if not wanted.mfa_factors or not set(wanted.mfa_factors) <= set(FACTORS):
        faults["mfa_factors"] = "At least one kind has to count."
    if len(wanted.networks) > MOST_LINES or not _spelled(wanted.networks, read_network):
        faults["networks"] = f"At most {MOST_LINES} networks, each such as 203.0.113.0/24."
    if len(wanted.email_domains) > MOST_LINES or not _spelled(wanted.email_domains, spell_domain):
        faults["email_domains"] = f"At most {MOST_LINES} domains, each such as example.com."
    if wanted.reach not in Policy.Reach.values:
        faults["reach"] = "Choose what opens files."
    if wanted.support_by not in Policy.Support.values:
        faults["support_by"] = "Choose who decides."
    if wanted.break_glass_id is not None and not wanted.sso_required:
        faults["break_glass_id"] = "Only where single sign-on is required somebody comes in around it."
    return faults


def _spelled(values: Collection[str], spell: Any) -> bool:
    """True if each is in its one spelling, and none is there twice."""
    try:
        return len(set(values)) == len(values) and all(spell(value) == value for value in values)
    except ValueError:
        return False


# ---- whether those on whom it depends come in


def _closed_doors(actor: Actor, organization: Organization, wanted: Terms, facts: Facts) -> dict[str, str]:
    if wanted.sso_required:
        if not registry.sso_address(organization.id):
            return {"sso_required": "There is no active single sign-on. Set it up and test it first."}
        if fault := _break_glass_fault(organization, wanted):
            return {"break_glass_id": fault}
    if actor.person_id and (own := _own_door(organization, wanted, facts)):
        return own
    if not any(is_at(owner.user.email, wanted.email_domains) for owner in _owners(organization)):
        return {"email_domains": "No owner has an address at one of these domains, so none could come in any more."}
    return {}


def _owners(organization: Organization) -> QuerySet[Membership]:
    owners = Membership.objects.filter(organization_id=organization.id, role=Role.OWNER, user__is_active=True)
    return owners.select_related("user")


def _break_glass_fault(organization: Organization, wanted: Terms) -> str:
    """Why this person would not come in when the identity provider fails; "" if they would."""
    named = _owners(organization).filter(user_id__in=[wanted.break_glass_id] if wanted.break_glass_id else [])
    if (owner := named.first()) is None:
        return "Choose an owner who can come in when single sign-on fails."
    own = list(Authenticator.objects.filter(user_id=owner.user_id))
    passkeys = [one for one in own if one.type == WEBAUTHN and one.wrap().is_passwordless]
    name = owner.user.label
    if not passkeys and not owner.user.has_usable_password():
        return f"{name} has neither a password nor a passkey, and could not come in."
    if wanted.mfa_required and not any(one.type in wanted.mfa_factors for one in own):
        return f"{name} has no second factor that counts, and could not come in."
    if not is_at(owner.user.email, wanted.email_domains):
        return f"{name} has no address at an allowed domain, and could not come in."
    return ""


def _own_door(organization: Organization, wanted: Terms, facts: Facts) -> dict[str, str]:
    """Judged by the door itself. Signing in again and using a factor that they have is in everybody's power."""
    place = selectors.find_belonging(facts.person_id, organization.slug)
    if place is None:
        raise NotFound
    then = replace(
        place,
        mfa_required=wanted.mfa_required,
        mfa_factors=list(wanted.mfa_factors),
        mfa_by_provider=wanted.mfa_by_provider,
        idle_minutes=None,
        lifetime_minutes=None,
        networks=list(wanted.networks),
        email_domains=list(wanted.email_domains),
        sso_required=wanted.sso_required,
        break_glass_id=wanted.break_glass_id,
    )
    obstacle = selectors.find_obstacle(then, facts)
    sentences = {
        Obstacle.NETWORK: (
            "networks",
            f"You are at {facts.ip or 'an unknown address'} now, which is in none of these networks.",
        ),
        Obstacle.ADDRESS: ("email_domains", f"Your own address {facts.email} is at none of these domains."),
        Obstacle.SSO: (
            "sso_required",
            "You did not come in by single sign-on yourself. Sign in by it first, or be the owner who can do without.",
        ),
        Obstacle.NO_FACTOR: ("mfa_required", "You have no second factor that counts yourself. Add one first."),
    }
    return dict([sentences[obstacle]]) if obstacle in sentences else {}
