"""Preparing an agreement: its document, who signs it, and where. Whatever is wrong is said before anything is sent."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.db.locks import hold
from hq.lib.ids import new_id
from hq.lib.mail_addresses import spell_address
from hq.lib.text import NO_CONTROL, is_plain
from signing import selectors
from signing.actions import papers
from signing.actions.chain import add_step, genesis
from signing.actions.faults import AlreadyMade, NotADraft, fault
from signing.actions.places import check_place, in_order
from signing.actions.turns import sender_of
from signing.models import Agreement, Field, Signer
from signing.models.agreements import (
    DAYS_DEFAULT,
    DAYS_MOST,
    MESSAGE_LENGTH,
    PAGES_MOST,
    SIGNERS_MOST,
    TITLE_LENGTH,
)
from signing.models.signers import NAME_LENGTH, ROLE_LENGTH
from signing.paper.count import count_pages
from signing.paper.inspect import inspect_pdf
from signing.paper.render import render_text
from signing.paper.text import BadText, read_text
from tenants import selectors as tenants

_LINE = re.compile(NO_CONTROL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a sender says of an agreement beside its document, signers and fields."""

    title: str
    message: str = ""
    days: int = DAYS_DEFAULT
    remind_every: int = 0
    may_delegate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is to act, or only to see it. Those of one turn go side by side."""

    name: str
    email: str
    role: str = ""
    kind: str = "signer"
    turn: int = 1
    method: str = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A field: of which signer (their position, from 1), on which page and where, in millionths from its top left."""

    signer: int
    kind: str
    page: int
    x: int
    y: int
    width: int
    height: int
    label: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """An agreement that is about to be: what was said of it, checked, and its document, in the store already."""

    source: str
    values: Mapping[str, Any]
    pages: int
    paper: papers.Draft


def create_agreement(
    *, actor: Actor, wish: Wish, source: str, content: bytes, agreement_id: UUID | None = None
) -> Agreement:
    """Make a draft of a PDF (`source` pdf) or of Markdown (text, UTF-8). Opens its own transactions.

    With an id, a second call with the same makes no second one. Raises Denied, CannotBeSigned, RefusedPdf, BadText,
    AlreadyMade, NoBucket, KeyUnavailable, StorageFull.
    """
    prepared = prepare_agreement(actor=actor, wish=wish, source=source, content=content)
    with transaction.atomic(durable=True), tenant(actor.organization_id):
        return insert_prepared(actor, prepared, agreement_id=agreement_id)


def prepare_agreement(*, actor: Actor, wish: Wish, source: str, content: bytes) -> Prepared:
    """Everything of it that takes long, before the transaction. What nobody inserts, the reaper removes."""
    gate.require(actor, Permission.SHARES_CREATE)
    values = check_wish(wish)
    pages = pages_of(source, content)
    return Prepared(source, values, pages, papers.store(actor.organization_id, environment_of(actor), content))


def insert_prepared(actor: Actor, prepared: Prepared, *, agreement_id: UUID | None = None) -> Agreement:
    """In the caller's transaction. Raises Denied, AlreadyMade, UploadTooSlow."""
    paper_id = prepared.paper.keep(prepared.pages).id
    return insert_agreement(actor, paper_id, prepared.source, prepared.values, agreement_id=agreement_id)


def insert_agreement(
    actor: Actor, paper_id: UUID, source: str, values: Mapping[str, Any], *, agreement_id: UUID | None = None
) -> Agreement:
    """The row of a draft, its first step and its event, in the caller's transaction. Raises AlreadyMade."""
    gate.require(actor, Permission.SHARES_CREATE)
    if agreement_id is not None:
        hold(f"hq.signing.agreement:{agreement_id}")  # there is no row yet to lock
        if Agreement.objects.filter(organization_id=actor.organization_id, id=agreement_id).exists():
            raise AlreadyMade
    agreement_id = agreement_id or new_id()
    made = Agreement.objects.create(
        id=agreement_id,
        organization_id=actor.organization_id,
        environment_id=environment_of(actor),
        source=source,
        document_id=paper_id,
        head=genesis(agreement_id),
        created_by_kind=actor.kind,
        created_by_id=actor.id,
        created_by_label=actor.label,
        membership_id=membership_of(actor),
        **values,
    )
    add_step(made, "created", origin=actor.origin, who=sender_of(actor))
    recorder.record(actor, Tag.AGREEMENT_CREATED, target=target_of(made), after={"source": source})
    return made


def replace_document(*, actor: Actor, agreement_id: UUID, source: str, content: bytes) -> Agreement:
    """Put another document into a draft: the next version. Its fields go. Opens its own transactions."""
    gate.require(actor, Permission.SHARES_CREATE)
    pages = pages_of(source, content)
    draft = papers.store(actor.organization_id, environment_of(actor), content)
    with transaction.atomic(durable=True), tenant(actor.organization_id):
        agreement = lock_draft(actor, agreement_id)
        former = agreement.document_id
        agreement.document, agreement.source = draft.keep(pages), source
        agreement.version += 1
        agreement.save(update_fields=["document", "source", "version"])
        Field.objects.filter(organization_id=agreement.organization_id, agreement=agreement).delete()
        papers.drop_unused(agreement.organization_id, former)
        add_step(agreement, "replaced", origin=actor.origin, who=sender_of(actor))
        _record_change(actor, agreement, "document")
    return agreement


def change_agreement(*, actor: Actor, agreement_id: UUID, wish: Wish) -> Agreement:
    """Another title, message, life, or rule. Only a draft. Raises NotADraft, CannotBeSigned."""
    values = check_wish(wish)
    agreement = lock_draft(actor, agreement_id)
    for name, value in values.items():
        setattr(agreement, name, value)
    agreement.save(update_fields=list(values))
    _record_change(actor, agreement, "terms")
    return agreement


def set_signers(*, actor: Actor, agreement_id: UUID, people: Sequence[Person]) -> list[Signer]:
    """Say who signs, approves and sees it, in the place of whoever was named. Their fields stay by position.

    Raises NotADraft, CannotBeSigned.
    """
    agreement = lock_draft(actor, agreement_id)
    rows = _signers(agreement, people)
    kept = [place_of(field) for field in selectors.list_fields(agreement) if field.signer.position <= len(rows)]
    Signer.objects.filter(organization_id=agreement.organization_id, agreement=agreement).delete()
    Signer.objects.bulk_create(rows)
    _insert_fields(agreement, rows, [place for place in kept if rows[place.signer - 1].kind == "signer"])
    _record_change(actor, agreement, "signers", count=len(rows))
    return rows


def insert_people(agreement: Agreement, people: Sequence[Person], places: Sequence[Place]) -> None:
    """Who signs a draft that was just made, and where, in its transaction. Raises CannotBeSigned."""
    rows = _signers(agreement, people)
    Signer.objects.bulk_create(rows)
    _insert_fields(agreement, rows, places)


def set_fields(*, actor: Actor, agreement_id: UUID, places: Sequence[Place]) -> list[Field]:
    """Say where what is filled in, in the place of all fields there were. Of a text, its markers say it instead.

    Raises NotADraft, CannotBeSigned.
    """
    agreement = lock_draft(actor, agreement_id)
    if agreement.source == Agreement.Source.TEXT:
        raise fault("/fields", "The markers in the text say where its fields are.")
    rows = _insert_fields(agreement, selectors.list_signers(agreement), places)
    _record_change(actor, agreement, "fields", count=len(rows))
    return rows


def insert_markers(agreement: Agreement, signers: Sequence[Signer], text: str) -> list[Field]:
    """The fields of a text, from its markers. Raises BadText, CannotBeSigned."""
    by_position = {one.position: one for one in signers}
    rows = []
    for marker in read_text(text).markers:
        signer = by_position.get(marker.signer)
        if signer is None or signer.kind != Signer.Kind.SIGNER:
            raise fault(
                "/text", f"Line {marker.line} asks signer {marker.signer} to fill something in, and there is none."
            )
        rows.append(
            Field(
                organization_id=agreement.organization_id,
                agreement=agreement,
                signer=signer,
                number=marker.number,
                kind=marker.kind,
                page=0,
                label=marker.label,
                required=marker.required,
            )
        )
    Field.objects.filter(organization_id=agreement.organization_id, agreement=agreement).delete()
    return Field.objects.bulk_create(rows)


def lock_draft(actor: Actor, agreement_id: UUID) -> Agreement:
    """Raises Denied, NotFound, NotADraft."""
    agreement = selectors.get_agreement(actor, agreement_id, permission=Permission.SHARES_CREATE, lock=True)
    if agreement.state != Agreement.State.DRAFT:
        raise NotADraft
    return agreement


def target_of(agreement: Agreement) -> Target:
    return Target("agreement", agreement.id, agreement.title)


def pages_of(source: str, content: bytes) -> int:
    """How many pages it has. Raises RefusedPdf, BadText, CannotBeSigned."""
    if source == Agreement.Source.PDF:
        return len(inspect_pdf(content).pages)
    if source != Agreement.Source.TEXT:
        raise fault("/source", "A document is a PDF (pdf) or Markdown (text).")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise BadText("The text is not UTF-8.") from error
    blank = render_text(read_text(text), {}, title="", language="en", attachments={}, certificate=None)
    pages = count_pages(blank)
    if pages > PAGES_MOST:
        raise fault("/text", f"A document has at most {PAGES_MOST} pages.")
    return pages


def check_wish(wish: Wish) -> dict[str, Any]:
    """As the row has it. Raises CannotBeSigned."""
    title, message = wish.title.strip(), wish.message.strip()
    if not title or len(title) > TITLE_LENGTH or not _LINE.match(title):
        raise fault("/title", f"A title has 1 to {TITLE_LENGTH} characters, on one line.")
    if len(message) > MESSAGE_LENGTH or not is_plain(message):
        raise fault("/message", f"A message has at most {MESSAGE_LENGTH} characters, and none that cannot be seen.")
    if not 1 <= wish.days <= DAYS_MOST:
        raise fault("/days", f"It can be signed for 1 to {DAYS_MOST} days.")
    if not 0 <= wish.remind_every <= DAYS_MOST:
        raise fault("/remind_every", f"Reminders go every 1 to {DAYS_MOST} days, or never (0).")
    return {
        "title": title,
        "message": message,
        "days": wish.days,
        "remind_every": wish.remind_every,
        "may_delegate": wish.may_delegate,
    }


def _signers(agreement: Agreement, people: Sequence[Person]) -> list[Signer]:
    if not 1 <= len(people) <= SIGNERS_MOST:
        raise fault("/signers", f"An agreement has 1 to {SIGNERS_MOST} people.")
    rows = [_signer(agreement, number, person) for number, person in enumerate(people, 1)]
    seen: set[tuple[bytes, str]] = set()
    for row in rows:
        if (bytes(row.email_index), row.kind) in seen:
            raise fault(f"/signers/{row.position - 1}/email", "This address is there twice.")
        seen.add((bytes(row.email_index), row.kind))
    return rows


def _signer(agreement: Agreement, position: int, person: Person) -> Signer:
    at = f"/signers/{position - 1}"
    name, role = person.name.strip(), person.role.strip()
    email = spell_address(person.email.strip())
    if not name or len(name) > NAME_LENGTH or not _LINE.match(name):
        raise fault(f"{at}/name", f"A name has 1 to {NAME_LENGTH} characters.")
    if email is None:
        raise fault(f"{at}/email", "This is not an e-mail address that HQ can write to.")
    if len(role) > ROLE_LENGTH or not _LINE.match(role):
        raise fault(f"{at}/role", f"A role has at most {ROLE_LENGTH} characters.")
    if person.kind not in Signer.Kind.values:
        raise fault(f"{at}/kind", "One signs (signer), approves (approver) or sees it (viewer).")
    if person.method not in Signer.Method.values:
        raise fault(f"{at}/method", "One shows who one is by the link, by a code, or by a passkey.")
    if not 1 <= person.turn <= SIGNERS_MOST:
        raise fault(f"{at}/turn", f"A turn is a number from 1 to {SIGNERS_MOST}.")
    return Signer(
        organization_id=agreement.organization_id,
        agreement=agreement,
        position=position,
        turn=person.turn,
        kind=person.kind,
        method=person.method,
        role=role,
        name=name,
        email=email,
        email_index=selectors.email_index(agreement.organization_id, email),
    )


def place_of(field: Field) -> Place:
    """Where a field lies, for another row of it."""
    return Place(
        signer=field.signer.position,
        kind=field.kind,
        page=field.page,
        x=field.x,
        y=field.y,
        width=field.width,
        height=field.height,
        label=field.label,
        required=field.required,
    )


def _insert_fields(agreement: Agreement, signers: Sequence[Signer], places: Sequence[Place]) -> list[Field]:
    signing = {one.position: one for one in signers if one.kind == Signer.Kind.SIGNER}
    rows = [_field(agreement, signing, place, number, at) for number, (at, place) in enumerate(in_order(places), 1)]
    Field.objects.filter(organization_id=agreement.organization_id, agreement=agreement).delete()
    return Field.objects.bulk_create(rows)


def _field(agreement: Agreement, signing: Mapping[int, Signer], place: Place, number: int, at: str) -> Field:
    label = check_place(place, signing=signing.keys(), pages=agreement.document.pages, at=at)
    return Field(
        organization_id=agreement.organization_id,
        agreement=agreement,
        signer=signing[place.signer],
        number=number,
        kind=place.kind,
        page=place.page,
        x=place.x,
        y=place.y,
        width=place.width,
        height=place.height,
        label=label,
        required=place.required,
    )


def membership_of(actor: Actor) -> UUID | None:
    """Whom to tell of what becomes of it; behind an API key, its maker."""
    if actor.person_id is None:
        return None
    places = tenants.list_belongings(actor.person_id)
    return next((one.membership_id for one in places if one.organization_id == actor.organization_id), None)


def _record_change(actor: Actor, agreement: Agreement, what: str, **more: object) -> None:
    recorder.record(actor, Tag.AGREEMENT_CHANGED, target=target_of(agreement), after={"what": what, **more})
