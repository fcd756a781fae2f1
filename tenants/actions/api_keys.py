"""API keys (ACC-3): made once and shown once, rotated, revoked. How they are recognised again is in `key_checks`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from uuid import UUID

from django.db import IntegrityError, transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import SCOPES, AuthMethod, Permission
from hq.authz.roles import GRANTS, Role, addable
from hq.crypto import passwords
from hq.crypto.secrets import random_word
from hq.lib.clock import now
from hq.lib.errors import Denied, FieldError, Invalid, Refused
from hq.lib.ids import new_id as make_id
from tenants import selectors
from tenants.actions.key_alerts import LOOK_AFTER, warning_due
from tenants.actions.key_checks import PREFIXES, SECRET_LENGTH, look_up_value
from tenants.actions.policy import read_network
from tenants.models import ApiKey, Membership, Organization
from tenants.selectors.machines import ends_with, ids_after, revoked_with

# The end of the year 9999 is no time any more in a zone that is ahead, and the page of all keys could not show it.
LONGEST_LIFE = timedelta(days=36_525)
MOST_NETWORKS = 50
GRACE_HOURS, MOST_GRACE_HOURS = 72, 168


class ScopeNotYours(Denied):
    """A key cannot be given a scope that you do not have yourself."""


class KeyAlreadyMade(Refused):
    """This form was sent twice. The key was shown the first time and cannot be shown again.

    Revoke it and make another.
    """


class KeyOfAnother(Denied):
    """Somebody else made this key. An owner or an admin can revoke or rotate it."""


class KeyAlreadyRevoked(Refused):
    """This key is revoked already."""


class KeyAlreadyRotated(Refused):
    """This key was rotated already. Rotate the key that replaced it, or make another."""


class KeyExpired(Refused):
    """This key has expired, so there is nothing to carry over. Make another."""


class WiderThanItsMaker(Denied):
    """A key makes and rotates only keys that are accepted from within its own networks."""


@dataclass(frozen=True, slots=True)
class MadeKey:
    """The key's row and its secret, which is known only now."""

    key: ApiKey
    secret: str


def create_api_key(
    *,
    actor: Actor,
    name: str,
    scopes: frozenset[Permission],
    expires_at: datetime | None = None,
    key_id: UUID | None = None,
    service_account_id: UUID | None = None,
    networks: Sequence[str] = (),
) -> MadeKey:
    """Make a key for the actor's environment. Its scopes are a subset of the actor's own.

    One for a service account acts as that account, and needs the right to change access. One that a key makes ends with
    that key at the latest, and is accepted only from within its networks. Raises NotFound for no such account,
    ScopeNotYours for what a service account is never granted, Invalid, WiderThanItsMaker.
    """
    gate.require(actor, Permission.API_KEYS_CREATE)
    if not scopes or not scopes <= SCOPES:
        raise Invalid(
            "Choose at least one scope, from those that a key can have.",
            errors=[{"pointer": "/scopes", "detail": "Unknown or empty."}],
        )
    accepted = clean_networks(networks)
    person_id = _require_scopes(actor, scopes, service_account_id)
    if expires_at is not None and not now() < expires_at < now() + LONGEST_LIFE:
        raise Invalid(
            "A key expires in the future, within 100 years, or not at all.",
            errors=[{"pointer": "/expires_at", "detail": "Choose a time in the future, within 100 years."}],
        )
    maker = _making_key(actor)
    if maker is not None:
        _require_within(maker, accepted)
        _require_no_longer(maker, expires_at)
    made = _make(
        actor,
        ApiKey(
            id=key_id or make_id(),
            name=name,
            scopes=sorted(scopes),
            networks=accepted,
            expires_at=expires_at,
            service_account_id=service_account_id,
            made_by_key=maker,
            created_by_id=person_id,
        ),
    )
    recorder.record(actor, Tag.API_KEY_CREATED, target=Target("api_key", made.key.id, name), after=_told(made.key))
    return made


def rotate_api_key(
    *, actor: Actor, key_id: UUID, grace_hours: int = GRACE_HOURS, new_id: UUID | None = None
) -> MadeKey:
    """Make the key's successor: as it was, with as long a life. For the grace both work; 0 ends the old one at once.

    The new key stands for whoever rotates, or for the service account as before, so nobody comes by another person's
    rights. A key that may make keys may rotate itself, into one that ends when it would have: the end that a person
    set holds for whoever has the key.

    Raises:
        KeyAlreadyRotated, KeyAlreadyRevoked, KeyExpired, KeyAlreadyMade: there is nothing to rotate.
        KeyOfAnother, ScopeNotYours, WiderThanItsMaker: not by this actor.
    """
    gate.require(actor, Permission.API_KEYS_CREATE)
    if not 0 <= grace_hours <= MOST_GRACE_HOURS:
        raise Invalid(
            f"Both keys work for 0 to {MOST_GRACE_HOURS} hours.",
            errors=[{"pointer": "/grace_hours", "detail": f"Enter a number from 0 to {MOST_GRACE_HOURS}."}],
        )
    seen = selectors.get_api_key(actor, key_id)
    _require_own(actor, seen)
    scopes = frozenset(Permission(scope) for scope in seen.scopes)
    person_id = _require_scopes(actor, scopes, seen.service_account_id)
    _wait_turn(actor)
    maker = _making_key(actor)
    old = selectors.get_api_key(actor, key_id, lock=True)
    _require_working(old, new_id)
    if maker is not None:
        _require_within(maker, old.networks)
    made = _make(actor, _successor(old, maker, person_id, new_id or make_id()))
    before = {"expires_at": _text(old.expires_at)}
    over = now() + timedelta(hours=grace_hours)
    old.replaced_by, old.expires_at = made.key, min(old.expires_at or over, over)
    old.save(update_fields=["replaced_by", "expires_at"])
    after = _told(made.key) | {"replaced_by": str(made.key.id), "works_until": _text(old.expires_at)}
    recorder.record(actor, Tag.API_KEY_ROTATED, target=Target("api_key", old.id, old.name), before=before, after=after)
    return made


def revoke_api_key(*, actor: Actor, key_id: UUID, successors: bool = True) -> int:
    """End a key, all that it was rotated into, what these made, and what is still in its grace. How many beside itself.

    Whoever had a key that may make keys may have rotated it, and have its successor. `successors=False` leaves those,
    for who has switched and ends the grace early; a successor that asks itself means that.
    The next request with any of them is refused. Raises NotFound, KeyOfAnother, KeyAlreadyRevoked.
    """
    gate.require(actor, Permission.API_KEYS_REVOKE)
    _wait_turn(actor)
    key = selectors.get_api_key(actor, key_id, lock=True)
    _require_own(actor, key)
    if key.revoked_at:
        raise KeyAlreadyRevoked
    others = revoked_with(key, successors=successors and actor.id not in ids_after(key), lock=True)
    at = now()
    ApiKey.objects.filter(organization_id=actor.organization_id, pk__in=[key.pk, *(one.pk for one in others)]).update(
        revoked_at=at
    )
    for ended in [key, *others]:
        recorder.record(
            actor,
            Tag.API_KEY_REVOKED,
            target=Target("api_key", ended.id, ended.name),
            before={"scopes": ended.scopes},
            after=None if ended is key else {"with": str(key.id)},
        )
    return len(others)


def end_api_keys_of(actor: Actor, person_id: UUID) -> list[str]:
    """Revoke what a leaving person made for themselves, in every environment. Keys of service accounts stay.

    Returns their names, for the trail: whoever looks for what ended a key finds it there.
    """
    own = ApiKey.objects.filter(
        organization_id=actor.organization_id, created_by_id=person_id, service_account=None, revoked_at=None
    )
    names = list(own.order_by("pk").values_list("name", flat=True))
    own.update(revoked_at=now())
    return names


def clean_networks(networks: Sequence[str]) -> list[str]:
    """Each in its one spelling, once. Raises Invalid, with a sentence for each that is none."""
    if len(networks) > MOST_NETWORKS:
        text = f"At most {MOST_NETWORKS} networks. There are {len(networks)}."
        raise Invalid(text, errors=[{"pointer": "/networks", "detail": text}])
    accepted: list[str] = []
    faults: list[FieldError] = []
    for place, text in enumerate(networks):
        try:
            accepted.append(_narrow(read_network(text)))
        except ValueError as fault:
            faults.append({"pointer": f"/networks/{place}", "detail": str(fault)})
    if faults:
        raise Invalid(faults[0]["detail"], errors=faults)
    return list(dict.fromkeys(accepted))


def _narrow(network: str) -> str:
    if ip_network(network).prefixlen == 0:
        raise ValueError(f"{network} is every address. To accept the key from everywhere, name no network.")
    return network


def _require_scopes(actor: Actor, scopes: frozenset[Permission], service_account_id: UUID | None) -> UUID:
    """Who makes the key. Nobody hands on what they do not have. Raises ScopeNotYours, NotFound, Denied."""
    if actor.person_id is None:
        raise Denied("Only a person, or a key that a person made, can make a key.")
    if not scopes <= _may_hand_on(actor, actor.person_id, service_account_id):
        raise ScopeNotYours
    return actor.person_id


def _may_hand_on(actor: Actor, person_id: UUID, service_account_id: UUID | None) -> frozenset[Permission]:
    """What the actor has, or rules may give it, less what a service account is never granted if it is for one.

    Both are locked: a key made at the moment in which they end would stay behind, and work once the person is back.
    """
    here = Membership.objects.filter(organization_id=actor.organization_id, user_id=person_id)
    if here.select_for_update(no_key=True).first() is None:
        raise Denied("Only a member, or a key that a member made, can make a key.")
    own = actor.permissions | actor.within
    if service_account_id is None:
        return own
    gate.require(actor, Permission.ACCESS_CHANGE)
    selectors.get_service_account(actor, service_account_id, lock=True)
    return own & (GRANTS[Role.SERVICE_ACCOUNT] | addable(Role.SERVICE_ACCOUNT))


def _require_own(actor: Actor, key: ApiKey) -> None:
    if key.created_by_id != actor.person_id and actor.role not in LOOK_AFTER:
        raise KeyOfAnother


def _wait_turn(actor: Actor) -> None:
    """One at a time in an organization: these lock several keys, and would wait for each other."""
    Organization.objects.select_for_update(no_key=True).get(pk=actor.organization_id)


def _making_key(actor: Actor) -> ApiKey | None:
    """The key that makes another, locked: what it makes while it is being revoked would stay behind."""
    if actor.method is not AuthMethod.API_KEY:
        return None
    maker = selectors.get_api_key(actor, actor.id, lock=True)
    if maker.state != "active":
        raise Denied("The key that asks has ended meanwhile.")
    return maker


def _require_within(maker: ApiKey, networks: Sequence[str]) -> None:
    """Raises WiderThanItsMaker. A key without networks is accepted from everywhere, and so bounds nothing."""
    if not maker.networks:
        return
    around = [ip_network(network) for network in maker.networks]
    if not networks or not all(_lies_in(ip_network(network), around) for network in networks):
        raise WiderThanItsMaker


def _lies_in(network: IPv4Network | IPv6Network, around: Sequence[IPv4Network | IPv6Network]) -> bool:
    # Two kinds of addresses have nothing in common, and subnet_of() does not compare them.
    return any(network.version == wide.version and network.subnet_of(wide) for wide in around)  # type: ignore[arg-type]  # versions are equal


def _require_no_longer(maker: ApiKey, expires_at: datetime | None) -> None:
    if maker.expires_at is not None and (expires_at is None or expires_at > maker.expires_at):
        raise Invalid(
            "A key that a key makes ends with that one at the latest.",
            errors=[{"pointer": "/expires_at", "detail": f"Choose a time until {_text(maker.expires_at)}."}],
        )


def _require_working(old: ApiKey, new_id: UUID | None) -> None:
    if old.replaced_by_id is not None:
        raise KeyAlreadyMade if old.replaced_by_id == new_id else KeyAlreadyRotated
    if old.revoked_at:
        raise KeyAlreadyRevoked
    if old.state != "active":
        raise KeyExpired


def _successor(old: ApiKey, maker: ApiKey | None, person_id: UUID, new_id: UUID) -> ApiKey:
    """A new row that is as the old one was. One that a key makes still ends with that key at the latest.

    A key that rotates itself gives its successor the maker and the end that it has; a person who rotates is a maker of
    their own.
    """
    bound = made_by = maker
    expires_at = now() + (old.expires_at - old.created_at) if old.expires_at else None
    if maker is not None and maker.pk == old.pk:
        made_by, expires_at = old.made_by_key, old.expires_at
        bound = ends_with(made_by, old) if made_by else None
    last = bound.expires_at if bound else None
    return ApiKey(
        id=new_id,
        name=old.name,
        scopes=old.scopes,
        networks=old.networks,
        expires_at=min(expires_at or last, last) if last else expires_at,
        service_account_id=old.service_account_id,
        made_by_key=made_by,
        created_by_id=person_id,
    )


def _make(actor: Actor, key: ApiKey) -> MadeKey:
    """Give the row its secret, and put it down. Raises KeyAlreadyMade."""
    environment = selectors.get_environment(actor)
    secret = random_word(PREFIXES[environment.name], SECRET_LENGTH)
    key.organization_id, key.environment_id = actor.organization_id, environment.id
    key.lookup, key.hash, key.hint = look_up_value(secret), passwords.hash_secret(secret), secret[-4:]
    # Of what is near already when the key is made, nobody has to be told.
    key.warned_days = warning_due(key.expires_at, key.created_at)
    try:
        with transaction.atomic():
            key.save(force_insert=True)
    except IntegrityError as error:
        raise KeyAlreadyMade from error
    return MadeKey(key, secret)


def _told(key: ApiKey) -> dict[str, object]:
    """For the trail."""
    return {
        "name": key.name,
        "scopes": key.scopes,
        "networks": key.networks,
        "expires_at": _text(key.expires_at),
        "service_account": str(key.service_account_id) if key.service_account_id else None,
        "made_by_key": str(key.made_by_key_id) if key.made_by_key_id else None,
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
