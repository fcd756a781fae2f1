"""Domains of addresses: shown to be the organization's own by a record in their DNS, and looked at again every day."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError, transaction

from audit import recorder
from audit import selectors as trail
from audit.recorder import Target
from audit.tags import Tag
from directory.actions.pace import keep_pace
from directory.models import Domain
from directory.selectors import domains as selectors
from hq.authz import gate
from hq.authz.actor import Actor, system_actor
from hq.authz.permissions import Permission
from hq.crypto import secrets
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Invalid, Problem, Refused, Unavailable
from hq.lib.ids import new_id
from hq.lib.mail_addresses import spell_domain
from hq.lib.txt_records import txt_records
from keys.registry import Notice, tenancy

RECORD = "_hq-challenge."
VALUE = "hq-domain="
LONGEST = 253 - len(RECORD)
MOST_DOMAINS = 50
LAPSES_AFTER = timedelta(days=7)
EVERY = timedelta(days=1)
SHOWN_VALUES, SHOWN_CHARACTERS = 3, 100
KEPT_SECONDS = 86_400
HINT_SECONDS = 2.0


class NotADomain(Invalid):
    """This is not a domain. Write it as it stands behind the @ of your addresses, such as example.com."""


class DomainKnown(Refused):
    """This domain is in the list already."""


class TooManyDomains(Refused):
    """There are as many domains here as an organization can have. Remove one that is no longer needed."""


class CannotBeVerified(Refused):
    """The record is right, and the domain still cannot be verified here. Ask the people who run this HQ."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the DNS has come to. `at` is in seconds since 1970."""

    at: int
    found: bool
    sentence: str


def record_name(domain: Domain) -> str:
    """Where the record has to stand."""
    return RECORD + domain.name


def record_value(domain: Domain) -> str:
    """What the record has to say."""
    return VALUE + domain.challenge


def _target(domain: Domain) -> Target:
    return Target("domain", domain.id, domain.name)


def add_domain(*, actor: Actor, name: str, domain_id: UUID | None = None) -> Domain:
    """Note a domain, and make the word that its DNS has to show. Raises NotADomain, DomainKnown, TooManyDomains."""
    gate.require(actor, Permission.IDENTITY_CHANGE)
    spelled = spell_domain(name.strip().removesuffix("."))
    if spelled is None or len(spelled) > LONGEST:
        raise NotADomain
    if len(selectors.list_domains(actor)) >= MOST_DOMAINS:
        raise TooManyDomains
    domain = Domain(
        id=domain_id or new_id(),
        organization_id=actor.organization_id,
        name=spelled,
        challenge=secrets.random_token(),
        created_by_id=actor.person_id or actor.id,
    )
    try:
        with transaction.atomic():
            domain.save(force_insert=True)
    except IntegrityError as error:
        raise DomainKnown from error
    recorder.record(actor, Tag.DOMAIN_ADDED, target=_target(domain))
    return domain


def remove_domain(*, actor: Actor, domain_id: UUID) -> Domain:
    """Take a domain out. Verified, its addresses no longer come in by single sign-on from now on. Raises NotFound."""
    gate.require(actor, Permission.IDENTITY_CHANGE)
    domain = selectors.get_domain(actor, domain_id, lock=True)
    Domain.objects.filter(organization_id=actor.organization_id, pk=domain.pk).delete()
    recorder.record(
        actor, Tag.DOMAIN_REMOVED, target=_target(domain), before={"verified": domain.verified_at is not None}
    )
    return domain


# ---- looking


def check_domain(*, actor: Actor, domain_id: UUID) -> Look:
    """Look for the record now, outside of every transaction: the name servers are somebody else's.

    Raises:
        NotFound: there is no such domain.
        TooOften: the organization has had others asked very often.
        CannotBeVerified: the record is there.
    """
    with tenant(actor.organization_id):
        gate.require(actor, Permission.IDENTITY_CHANGE)
        domain = selectors.get_domain(actor, domain_id)
    keep_pace(actor.organization_id, "domains")
    try:
        records = txt_records(record_name(domain), nameservers=settings.DNS_SERVERS)
    except (Invalid, Unavailable) as error:
        look = Look(int(now().timestamp()), False, str(error))
    else:
        found = record_value(domain) in records
        look = Look(int(now().timestamp()), found, _told(domain, records, found=found))
        with tenant(actor.organization_id):
            _settle(actor, selectors.get_domain(actor, domain_id, lock=True), found=found)
    cache.set(_place(domain.id), asdict(look), timeout=KEPT_SECONDS)
    return look


def last_look(domain: Domain) -> Look | None:
    """What the last look by hand has come to, within a day."""
    kept = cache.get(_place(domain.id))
    return Look(**kept) if kept else None


def _place(domain_id: UUID) -> str:
    return f"hq.domain.{domain_id}"


def _settle(actor: Actor, domain: Domain, *, found: bool) -> None:
    """Act on a clear answer. Raises CannotBeVerified."""
    if found:
        _seen(actor, domain)
    elif domain.verified_at and now() - (domain.checked_at or domain.verified_at) > LAPSES_AFTER:
        _lapse(actor, domain)


def _seen(actor: Actor, domain: Domain) -> None:
    domain.checked_at = now()
    if domain.verified_at:
        domain.save(update_fields=["checked_at"])
        return
    domain.verified_at = domain.checked_at
    try:
        with transaction.atomic():  # it may be verified elsewhere, which nobody is told
            domain.save(update_fields=["checked_at", "verified_at"])
    except IntegrityError as error:
        raise CannotBeVerified from error
    recorder.record(actor, Tag.DOMAIN_VERIFIED, target=_target(domain))


def _lapse(actor: Actor, domain: Domain) -> None:
    domain.verified_at = None
    domain.save(update_fields=["verified_at"])
    tenancy().tell_keepers(
        actor.organization_id,
        Notice(
            subject=f"{domain.name} is no longer verified",
            sentences=(
                f"The TXT record at {record_name(domain)} has been gone for a week.",
                "People with addresses there can no longer sign in by single sign-on.",
                "Publish the record again, then check it on the page of the domain.",
            ),
            path=f"directory/sso/domains/{domain.id}",
        ),
    )
    recorder.record(actor, Tag.DOMAIN_LAPSED, target=_target(domain))


def _told(domain: Domain, records: list[str], *, found: bool) -> str:
    name = record_name(domain)
    if found:
        return f"The record at {name} is right."
    if records:
        shown = ", ".join(f"“{_readable(record)}”" for record in sorted(records)[:SHOWN_VALUES])
        return f"The TXT record at {name} says {shown}, and not what it has to say."
    for place, hint in (
        (f"{name}.{domain.name}", f"Your DNS provider adds {domain.name} by itself: enter {RECORD[:-1]} as the name."),
        (domain.name, f"It has to stand at {name}, not at {domain.name} itself."),
    ):
        if record_value(domain) in _nearby(place):
            return f"The record stands at {place}. {hint}"
    return f"There is no TXT record at {name} yet. It can take up to an hour until a new one is seen."


def _nearby(place: str) -> list[str]:
    """Records where they are often put by mistake. That nobody answers there means nothing."""
    try:
        return txt_records(place, nameservers=settings.DNS_SERVERS, seconds=HINT_SECONDS)
    except Problem:
        return []


def _readable(record: str) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in record)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


# ---- every day


def list_due(organization_id: UUID) -> list[UUID]:
    """Verified domains that were not seen right within a day. Inside the organization's own transaction."""
    rows = Domain.objects.filter(organization_id=organization_id, verified_at__isnull=False)
    return list(rows.filter(checked_at__lt=now() - EVERY).order_by("pk").values_list("pk", flat=True))


def look_again(organization_id: UUID, domain_id: UUID) -> None:
    """Look whether a verified domain still has its record. A look-up that fails changes nothing."""
    here = Domain.objects.filter(organization_id=organization_id, pk=domain_id, verified_at__isnull=False)
    with tenant(organization_id):
        domain = here.first()
        home_id = trail.home_of(organization_id)
    if domain is None:
        return
    try:
        records = txt_records(record_name(domain), nameservers=settings.DNS_SERVERS)
    except (Invalid, Unavailable):
        return
    actor = system_actor(organization_id, home_environment_id=home_id)
    with tenant(organization_id):
        if (domain := here.select_for_update(no_key=True).first()) is not None:
            _settle(actor, domain, found=record_value(domain) in records)
