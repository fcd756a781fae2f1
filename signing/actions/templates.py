"""Templates: a document with its roles, fields and variables, made once and sent again and again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.db import retention
from hq.db.context import tenant
from hq.lib.errors import NotFound
from hq.lib.ids import new_id
from hq.lib.text import NO_CONTROL
from signing import selectors
from signing.actions import papers, variables
from signing.actions.drafts import Person, Place, Wish, check_wish, insert_agreement, insert_people, pages_of, place_of
from signing.actions.faults import StillKept, TemplateChanged, fault, refuse_support
from signing.actions.places import check_place, in_order
from signing.models import Agreement, Signer, Template
from signing.models.signers import ROLE_LENGTH
from signing.paper.text import read_text

KEEP_MOST = 36_500


@dataclass(frozen=True, slots=True)
class Filled:
    """The document of one use: the template's own, or a text of its own that nobody has kept yet (`draft`)."""

    template: Template
    draft: papers.Draft | None = None
    pages: int = 0
    text: str = ""

    def keep(self) -> UUID:
        """In the caller's transaction: the id of its paper. Raises UploadTooSlow."""
        paper_id: UUID = self.draft.keep(self.pages).id if self.draft else self.template.document_id
        return paper_id


@dataclass(frozen=True, slots=True)
class Use:
    """What one use of a template is called, who plays its roles (name and address each), and what is filled in."""

    title: str
    people: Sequence[tuple[str, str]]
    values: Mapping[str, str]


def get_template(
    actor: Actor, template_id: UUID, *, permission: Permission = Permission.SHARES_READ, lock: bool = False
) -> Template:
    """One of the environment's; whoever sees agreements sees all of them. Raises Denied, NotFound."""
    gate.require(actor, permission)
    rows = _rows(actor).filter(id=template_id)
    found = (rows.select_for_update(no_key=True, of=("self",)) if lock else rows).first()
    if found is None:
        raise NotFound
    return found


def list_templates(actor: Actor, *, before: UUID | None = None, limit: int = 50) -> list[Template]:
    """Newest first, at most `limit` of those older than `before`."""
    gate.require(actor, Permission.SHARES_READ)
    rows = _rows(actor)
    return list((rows.filter(id__lt=before) if before else rows).order_by("-id")[:limit])


def keep_as_template(*, actor: Actor, agreement_id: UUID, name: str, text: str = "") -> Template:
    """Make a template of an agreement: its document, who plays which part, and where what is filled in.

    `text` is that of a text's document. Nobody's name or address goes along. Raises Denied, NotFound, CannotBeSigned.
    """
    gate.require(actor, Permission.SHARES_CREATE)
    agreement = selectors.get_agreement(actor, agreement_id, lock=True)  # its document stays until the template has it
    wish = check_wish(
        Wish(
            title=name,
            message=agreement.message,
            days=agreement.days,
            remind_every=agreement.remind_every,
            may_delegate=agreement.may_delegate,
        )
    )
    roles, numbers = _roles(selectors.list_signers(agreement))
    placed = [field for field in selectors.list_fields(agreement) if field.page]
    plan = _plan(wish) | {
        "roles": roles,
        "fields": [asdict(place_of(field)) | {"signer": numbers[field.signer_id]} for field in placed],
        "variables": _variables(text) if agreement.source == Agreement.Source.TEXT else [],
    }
    made = Template.objects.create(
        id=new_id(),
        organization_id=actor.organization_id,
        environment_id=environment_of(actor),
        name=wish["title"],
        source=agreement.source,
        document_id=agreement.document_id,
        plan=plan,
        created_by_kind=actor.kind,
        created_by_id=actor.id,
        created_by_label=actor.label,
    )
    recorder.record(
        actor, Tag.AGREEMENT_TEMPLATE_CREATED, target=target_of(made), after={"agreement": str(agreement.id)}
    )
    return made


def change_template(*, actor: Actor, template_id: UUID, wish: Wish, roles: Sequence[str]) -> Template:
    """Another name, message or rule, and what its roles are called. What came of it before stays as it is.

    Raises Denied, NotFound, CannotBeSigned.
    """
    values = check_wish(wish)
    row = get_template(actor, template_id, permission=Permission.SHARES_CREATE, lock=True)
    if len(roles) != len(row.plan["roles"]):
        raise fault("/roles", "The template has other roles by now. Look at it again.")
    for number, role in enumerate(roles):
        if not role.strip() or len(role.strip()) > ROLE_LENGTH or not re.match(NO_CONTROL, role.strip()):
            raise fault(f"/roles/{number}", f"A role has 1 to {ROLE_LENGTH} characters, on one line.")
    named = [one | {"role": role.strip()} for one, role in zip(row.plan["roles"], roles, strict=True)]
    before = {"name": row.name}
    row.name, row.plan = values["title"], row.plan | _plan(values) | {"roles": named}
    row.save(update_fields=["name", "plan"])
    recorder.record(
        actor, Tag.AGREEMENT_TEMPLATE_CHANGED, target=target_of(row), before=before, after={"name": row.name}
    )
    return row


def places_in(row: Template) -> list[Place]:
    """Where what is filled in, by whom of its roles."""
    return [Place(**place) for place in row.plan["fields"]]


def replace_fields(*, actor: Actor, template_id: UUID, places: Sequence[Place]) -> Template:
    """Say where what is filled in on a template's PDF; a field's signer is the number of a role that signs.

    What came of it before stays as it is. Raises Denied, NotFound, CannotBeSigned.
    """
    row = get_template(actor, template_id, permission=Permission.SHARES_CREATE, lock=True)
    if row.source == Agreement.Source.TEXT:
        raise fault("/fields", "The markers in the text say where its fields are.")
    signing = [number for number, one in enumerate(row.plan["roles"], 1) if one["kind"] == Signer.Kind.SIGNER]
    fields = [
        asdict(place) | {"label": check_place(place, signing=signing, pages=row.document.pages, at=at)}
        for at, place in in_order(places)
    ]
    before, row.plan = {"fields": len(row.plan["fields"])}, row.plan | {"fields": fields}
    row.save(update_fields=["plan"])
    after = {"what": "fields", "fields": len(fields)}
    recorder.record(actor, Tag.AGREEMENT_TEMPLATE_CHANGED, target=target_of(row), before=before, after=after)
    return row


def replace_text(*, actor: Actor, template_id: UUID, text: str) -> Template:
    """Another text, with its own markers and variables. Opens its own transactions.

    Raises Denied, NotFound, BadText, CannotBeSigned.
    """
    gate.require(actor, Permission.SHARES_CREATE)
    named = _variables(text)
    with tenant(actor.organization_id):
        if get_template(actor, template_id).source != Agreement.Source.TEXT:
            raise fault("/text", "The document of this template is a PDF.")
    pages = pages_of(Agreement.Source.TEXT, text.encode())
    draft = papers.store(actor.organization_id, environment_of(actor), text.encode())
    with transaction.atomic(durable=True), tenant(actor.organization_id):
        row = get_template(actor, template_id, permission=Permission.SHARES_CREATE, lock=True)
        former = row.document_id
        row.document, row.plan = draft.keep(pages), row.plan | {"variables": named}
        row.save(update_fields=["document", "plan"])
        papers.drop_unused(actor.organization_id, former)
        recorder.record(actor, Tag.AGREEMENT_TEMPLATE_CHANGED, target=target_of(row), after={"what": "document"})
    return row


def keep_for(*, actor: Actor, template_id: UUID, keep_days: int | None) -> Template:
    """How long after its end what came of it stays; None: for good. Raises Denied, NotFound, CannotBeSigned."""
    gate.require(actor, Permission.RETENTION_CHANGE)
    if keep_days is not None and not 1 <= keep_days <= KEEP_MOST:
        raise fault("/keep_days", f"What came of it is kept for 1 to {KEEP_MOST} days, or for good.")
    row = get_template(actor, template_id, lock=True)
    before, row.keep_days = {"keep_days": row.keep_days}, keep_days
    row.save(update_fields=["keep_days"])
    after = {"keep_days": keep_days}
    recorder.record(actor, Tag.AGREEMENT_TEMPLATE_CHANGED, target=target_of(row), before=before, after=after)
    return row


def hold_template(*, actor: Actor, template_id: UUID, held: bool) -> Template:
    """A legal hold: while it stands, nothing that came of the template is removed. Raises Denied, NotFound."""
    gate.require(actor, Permission.HOLDS_CHANGE)
    retention.wait_for_turn(actor.organization_id)  # what is being removed right now is waited for
    row = get_template(actor, template_id, lock=True)
    before, row.held = {"held": row.held}, held
    row.save(update_fields=["held"])
    recorder.record(actor, Tag.AGREEMENT_TEMPLATE_CHANGED, target=target_of(row), before=before, after={"held": held})
    return row


def remove_template(*, actor: Actor, template_id: UUID) -> None:
    """What came of it stays, and is kept for good from then on. Raises Denied, NotForSupport, NotFound, StillKept."""
    refuse_support(actor)
    row = get_template(actor, template_id, permission=Permission.SHARES_REVOKE, lock=True)
    if row.held:
        raise StillKept("A legal hold stands on this template and on what came of it. Lift it first.")
    target, document_id = target_of(row), row.document_id
    Template.objects.filter(organization_id=actor.organization_id, id=row.id).delete()
    papers.drop_unused(actor.organization_id, document_id)
    recorder.record(actor, Tag.AGREEMENT_TEMPLATE_REMOVED, target=target, before={"name": target.label})


def use_template(*, actor: Actor, template_id: UUID, use: Use, agreement_id: UUID | None = None) -> Agreement:
    """A draft of a template: a name and an address for each role, a value for each variable. Its own transactions.

    Raises Denied, NotFound, CannotBeSigned, BadText, NoBucket, KeyUnavailable, StorageFull.
    """
    gate.require(actor, Permission.SHARES_CREATE)
    with tenant(actor.organization_id):
        template = get_template(actor, template_id)
    filled = fill_document(template, actor, use.values)
    with transaction.atomic(durable=True), tenant(actor.organization_id):
        return insert_from(actor, filled, use, agreement_id)


def fill_document(template: Template, actor: Actor, values: Mapping[str, str]) -> Filled:
    """Put the values in. Opens its own transactions. Raises CannotBeSigned, BadText, StorageFull, KeyUnavailable."""
    if template.source != Agreement.Source.TEXT:
        return Filled(template)
    text = papers.read(template.organization_id, template.document_id).decode()
    names = [one["name"] for one in template.plan["variables"]]
    if not names:
        return Filled(template, text=text)
    asked = _asked(text)
    text = variables.fill_in(text, variables.check_values(names, values))
    if _asked(text) != asked:
        raise fault("/values", "What is filled in would change the fields of this text. Fill in plain words.")
    content = text.encode()
    pages = pages_of(Agreement.Source.TEXT, content)
    return Filled(template, papers.store(template.organization_id, environment_of(actor), content), pages, text)


def _asked(text: str) -> list[tuple[str, int, bool]]:
    """What a text asks of whom, whatever it calls it. Raises BadText."""
    return [(marker.kind, marker.signer, marker.required) for marker in read_text(text).markers]


def insert_from(actor: Actor, filled: Filled, use: Use, agreement_id: UUID | None = None) -> Agreement:
    """The draft's rows, in the caller's transaction. Raises TemplateChanged, CannotBeSigned."""
    template = get_template(actor, filled.template.id, lock=True)
    if template.document_id != filled.template.document_id:
        raise TemplateChanged
    plan = template.plan
    if len(use.people) != len(plan["roles"]):
        raise fault("/people", f"This template asks for {len(plan['roles'])} people.")
    wish = Wish(
        title=use.title,
        message=plan["message"],
        days=plan["days"],
        remind_every=plan["remind_every"],
        may_delegate=plan["may_delegate"],
    )
    values = check_wish(wish) | {"template_id": template.id}
    made = insert_agreement(actor, filled.keep(), template.source, values, agreement_id=agreement_id)
    named = [
        Person(name=name, email=email, role=one["role"], kind=one["kind"], turn=one["turn"], method=one["method"])
        for one, (name, email) in zip(plan["roles"], use.people, strict=True)
    ]
    insert_people(made, named, places_in(template))
    return made


def target_of(template: Template) -> Target:
    return Target("agreement_template", template.id, template.name)


def _rows(actor: Actor) -> QuerySet[Template]:
    rows = Template.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))
    return rows.select_related("document")


def _plan(wish: Mapping[str, Any]) -> dict[str, Any]:
    return {name: wish[name] for name in ("message", "days", "remind_every", "may_delegate")}


def _variables(text: str) -> list[dict[str, str]]:
    return [{"name": name, "label": variables.label_of(name)} for name in variables.list_variables(text)]


def _roles(signers: Sequence[Signer]) -> tuple[list[dict[str, Any]], dict[UUID, int]]:
    """The parts that people play, and which of them each signer has: whoever it was handed on to, the former's."""
    before = {one.delegated_to_id: one.id for one in signers if one.delegated_to_id}
    roles: list[dict[str, Any]] = []
    numbers: dict[UUID, int] = {}
    for one in signers:
        if one.id in before:
            numbers[one.id] = numbers[before[one.id]]
            continue
        role = one.role or f"Signer {len(roles) + 1}"
        roles.append({"role": role, "kind": one.kind, "turn": one.turn, "method": one.method})
        numbers[one.id] = len(roles)
    return roles or [{"role": "Signer 1", "kind": "signer", "turn": 1, "method": "code"}], numbers
