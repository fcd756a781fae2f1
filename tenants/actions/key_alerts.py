"""What the people of an API key are told: that it ends soon, that it is years old, that it came from a new network."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz.actor import Actor, system_actor
from hq.authz.roles import Role
from hq.lib.clock import now
from hq.lib.text import plural
from jobs import actions as jobs
from tenants.models import ApiKey, ApiKeyNetwork, Membership, Organization, User

WARNED = (30, 7, 1)
YEAR, DAY = timedelta(days=365), timedelta(days=1)
# Who looks after the keys of others: they may revoke and rotate them, and hear of those of machines.
LOOK_AFTER = frozenset({Role.OWNER, Role.ADMIN})
MAIL = "tenants.mail_key_alert"
TEMPLATE = "tenants/mail/api_key.txt"


def warning_due(expires_at: datetime | None, at: datetime) -> int | None:
    """Which of the warnings is due now: 1, 7 or 30 days before the end; None before that, and without an end."""
    if expires_at is None:
        return None
    return next((days for days in sorted(WARNED) if expires_at <= at + timedelta(days=days)), None)


def due(at: datetime) -> Q:
    """Keys whose people are to be told something now, as `tenants_find_keys_to_tell_of` has it."""
    warned = Q()
    for days in WARNED:
        warned |= Q(expires_at__lte=at + timedelta(days=days)) & (Q(warned_days=None) | Q(warned_days__gt=days))
    aged = Q(created_at__lte=at - YEAR) & (Q(aged_at=None) | Q(aged_at__lte=at - YEAR))
    working = Q(expires_at=None) | Q(expires_at__gt=at)
    return Q(revoked_at=None, replaced_by=None) & working & (warned | aged)


def list_keys_to_tell_of(organization_id: UUID) -> list[UUID]:
    """In the organization's context."""
    rows = ApiKey.objects.filter(due(now()), organization_id=organization_id)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def tell_of_key(organization_id: UUID, key_id: UUID) -> None:
    """Record what is due of one key as HQ itself, and mail its people. Whoever comes second finds nothing due.

    Of an organization that is shut nobody is told: the next warning after it opens again says it.
    """
    at = now()
    rows = ApiKey.objects.filter(due(at), organization_id=organization_id, pk=key_id)
    key = rows.select_for_update(no_key=True).first()
    if key is None:
        return
    told: list[tuple[Tag, dict[str, Any]]] = []
    days = warning_due(key.expires_at, at)
    if days is not None and (key.warned_days is None or key.warned_days > days):
        key.warned_days = days
        told.append((Tag.API_KEY_EXPIRING, {"days": days, "expires_at": str(key.expires_at)}))
    years = (at - key.created_at) // YEAR
    anniversary = key.created_at + years * YEAR
    if years and (key.aged_at is None or key.aged_at < anniversary):
        key.aged_at = anniversary
        told.append((Tag.API_KEY_AGED, {"years": years}))
    key.save(update_fields=["warned_days", "aged_at"])
    if Organization.objects.get(pk=organization_id).state in Organization.SHUT:
        return
    for tag, said in told:
        _mail_about(key, tag, next(iter(said.values())))
    hq = system_actor(organization_id, environment_id=key.environment_id)
    for tag, said in told:
        recorder.record(hq, tag, target=Target("api_key", key.id, key.name), after=said)


def note_new_network(actor: Actor, network: str) -> None:
    """Record that a key came from a network for the first time, and mail its people, once a day at most.

    Called with the network's row written, in the same transaction. The first network of all is none to tell of.
    """
    # Locked, so that of two that come at once from two networks one knows of the other.
    key = ApiKey.objects.select_for_update(no_key=True).get(organization_id=actor.organization_id, pk=actor.id)
    rows = ApiKeyNetwork.objects.filter(organization_id=actor.organization_id, key_id=key.id)
    others = rows.exclude(network=network).order_by("pk")
    first = others.first()
    if first is None:
        return
    if not others.exclude(pk=first.pk).filter(first_at__gt=now() - DAY).exists():
        _mail_about(key, Tag.API_KEY_NEW_NETWORK, network)
    hq = system_actor(actor.organization_id, environment_id=key.environment_id)
    recorder.record(
        replace(hq, origin=actor.origin),
        Tag.API_KEY_NEW_NETWORK,
        target=Target("api_key", key.id, key.name),
        after={"network": network},
    )


def _people_of(key: ApiKey) -> QuerySet[User]:
    """Its maker; for one of a machine, or whose maker is no member any more, those who look after keys."""
    members = Membership.objects.filter(organization_id=key.organization_id)
    maker = User.objects.filter(pk__in=members.filter(user_id=key.created_by_id).values("user_id"), is_active=True)
    if key.service_account_id is None and maker.exists():
        return maker
    return User.objects.filter(pk__in=members.filter(role__in=LOOK_AFTER).values("user_id"), is_active=True)


def _mail_about(key: ApiKey, tag: Tag, value: object) -> None:
    """A job for each: mail may be slow, and goes out only if what it tells of is committed."""
    for person_id in _people_of(key).order_by("pk").values_list("pk", flat=True):
        about = {"key_id": key.id, "person_id": person_id, "tag": tag.value, "value": str(value)}
        jobs.enqueue(MAIL, organization_id=key.organization_id, payload=about)


def alert_mail(organization_id: UUID, *, key_id: UUID, person_id: UUID, tag: str, value: str) -> EmailMessage | None:
    """The mail, or None where the key has gone meanwhile, or the person has left. In the organization's context."""
    rows = ApiKey.objects.filter(organization_id=organization_id, pk=key_id, revoked_at=None)
    key = rows.select_related("environment", "service_account").first()
    members = Membership.objects.filter(organization_id=organization_id).values("user_id")
    person = User.objects.filter(pk__in=members, is_active=True).filter(pk=person_id).first()
    if key is None or person is None:
        return None
    organization = Organization.objects.get(pk=organization_id)
    place = f"{settings.BASE_URL}/o/{organization.slug}/{key.environment.name}/api-keys/{key.id}"
    subject = _subject(Tag(tag), key.name, value)
    context = {
        "tag": tag,
        "value": value,
        "key": key,
        "hint": f"hd_{key.environment.name}_…{key.hint}",
        "organization": organization.name,
        "url": f"{place}/",
        "rotate_url": f"{place}/rotate",
    }
    return EmailMessage(f"HQ: {subject} ({organization.name})", render_to_string(TEMPLATE, context), to=[person.email])


def _subject(tag: Tag, name: str, value: str) -> str:
    if tag == Tag.API_KEY_EXPIRING:
        return f"API key {name} ends within {plural(int(value), 'day')}"
    if tag == Tag.API_KEY_AGED:
        return f"API key {name} is {plural(int(value), 'year')} old"
    return f"API key {name} was used from a new network"
