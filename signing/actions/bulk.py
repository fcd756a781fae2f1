"""One template sent to many: a table is read and shown, and nothing is sent before its sender says so.

A job makes one agreement for each row, row by row: the row's agreement, its sending and the place in the table that was
reached commit together, so that each is sent exactly once wherever the job is killed. Before each row it is asked anew
whether who sent it still may, by the way they came in, and whether the template is still what they saw.
"""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of, system_actor
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role, granted
from hq.crypto import secrets
from hq.lib.canonical import canonical
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, NotFound, Refused
from hq.lib.ids import new_id
from jobs import actions as jobs
from jobs.registry import RunningJob
from signing.actions.ceiling import TooManyMails
from signing.actions.drafts import membership_of
from signing.actions.faults import TemplateChanged, fault
from signing.actions.sending import send_agreement
from signing.actions.tables import BadTable, Row, Shape, read_table
from signing.actions.templates import Filled, Use, fill_document, get_template, insert_from, target_of
from signing.models import Batch, Template
from signing.selectors import own
from tenants.selectors.doors import is_at

State = Batch.State
READ_WITH = ("template__document", "organization", "membership__user", "api_key")
SHOWN_EVERY = 10  # rows
WAITS_MOST: Final = timedelta(hours=1)
UNSENT: Final = "It cannot be sent as the template is."
BY_HAND: Final = "It was stopped by hand; the trail says by whom."


class NotToBeSent(Refused):
    """This table was sent already, or replaced by a newer one."""


class NoMember(Refused):
    """Only a member can send to many: each agreement goes out in their name."""


class NotYours(Refused):
    """Only whoever uploaded this table sends it: each agreement goes out in their name."""


class NotRunning(Refused):
    """This table is not being sent any more, or not yet. Nothing was changed."""


class Stops(Exception):
    """Nothing more of a table may be sent. Says why, to whoever sent it."""


def shape_of(template: Template) -> Shape:
    """Which columns a table for this template has."""
    names = [one["name"] for one in template.plan["variables"]]
    return Shape(len(template.plan["roles"]), names, template.name)


def check_table(*, actor: Actor, template_id: UUID, content: bytes) -> Batch:
    """Read a table and keep what was found, in the place of what the same member had not sent. Nothing is sent.

    Raises Denied, NotFound, NoMember, CannotBeSigned.
    """
    gate.require(actor, Permission.SHARES_CREATE)
    template = get_template(actor, template_id)
    member = _member(actor)
    try:
        rows = read_table(content, shape_of(template))
    except BadTable as error:
        raise fault("/table", str(error)) from error
    _rows(actor).filter(state=State.CHECKED, membership_id=member).delete()
    return Batch.objects.create(
        id=new_id(),
        organization_id=actor.organization_id,
        environment_id=environment_of(actor),
        template=template,
        name=template.name,
        rows=[_as_json(row) for row in rows],
        total=sum(not row.problem for row in rows),
        created_by_kind=actor.kind,
        created_by_id=actor.id,
        created_by_label=actor.label,
        membership_id=member,
        seen=_mark_of(template),
    )


def get_batch(actor: Actor, batch_id: UUID, *, lock: bool = False) -> Batch:
    """The actor's own, or any for whoever reads the trail. Raises Denied, NotFound."""
    rows = _visible(actor).filter(id=batch_id).select_related(*READ_WITH)
    found = (rows.select_for_update(no_key=True, of=("self",)) if lock else rows).first()
    if found is None:
        raise NotFound
    return found


def list_batches(actor: Actor, *, before: UUID | None = None, limit: int = 20) -> list[Batch]:
    """The newest that were sent, at most `limit` of those older than `before`, as `get_batch` shows them."""
    rows = _visible(actor).exclude(state=State.CHECKED)
    return list((rows.filter(id__lt=before) if before else rows).order_by("-id")[:limit])


def _visible(actor: Actor) -> QuerySet[Batch]:
    gate.require(actor, Permission.SHARES_READ)
    return _rows(actor) if gate.allows(actor, Permission.AUDIT_READ) else _rows(actor).filter(own(actor))


def send_batch(*, actor: Actor, batch_id: UUID) -> Batch:
    """Send every row without a problem, in a job.

    Raises Denied, NotFound, NoMember, NotYours, NotToBeSent, TemplateChanged.
    """
    gate.require(actor, Permission.SHARES_CREATE)
    batch = get_batch(actor, batch_id, lock=True)
    if batch.membership_id != _member(actor):
        raise NotYours
    if batch.state != State.CHECKED or not batch.total or batch.template is None:
        raise NotToBeSent
    if not _is_as_seen(batch, batch.template):
        raise TemplateChanged
    batch.state, batch.method = State.SENDING, actor.method
    batch.api_key_id = actor.id if actor.method is AuthMethod.API_KEY else None
    batch.save(update_fields=["state", "method", "api_key"])
    jobs.enqueue(
        "signing.bulk",
        organization_id=batch.organization_id,
        environment_id=batch.environment_id,
        payload={"batch": str(batch.id)},
        key=f"batch:{batch.id}",
    )
    after = {"agreements": batch.total}
    recorder.record(actor, Tag.AGREEMENT_TEMPLATE_SENT, target=target_of(batch.template), after=after)
    return batch


def stop_batch(*, actor: Actor, batch_id: UUID) -> Batch:
    """Send nothing more of it. A row that is being sent right now is waited for; what went out stays out.

    Nobody is told anything, so whoever is let in for support may do it too. Raises Denied, NotFound, NotRunning.
    """
    gate.require(actor, Permission.SHARES_REVOKE)
    batch = get_batch(actor, batch_id, lock=True)
    if batch.state != State.SENDING:
        raise NotRunning
    _end(batch, State.STOPPED, BY_HAND)
    before, after = {"agreements": batch.total}, {"agreements": batch.sent}
    recorder.record(actor, Tag.AGREEMENT_TEMPLATE_STOPPED, target=_target_of(batch), before=before, after=after)
    return batch


def run_batch(job: RunningJob) -> dict[str, Any]:
    """Go on where it was. Each row once, in a transaction of its own."""
    batch_id = UUID(job.payload["batch"])
    while True:
        with job.step():
            batch = _lock(job, batch_id)
            if batch is None or batch.state != State.SENDING:
                return {"sent": batch.sent if batch else 0}
            try:
                maker, template = _maker_of(batch), _template_of(batch)
            except Stops as stops:
                _stop(batch, str(stops))
                return {"sent": batch.sent}
            if batch.reached == len(batch.rows):
                _end(batch, State.DONE)
                return {"sent": batch.sent}
            row = batch.rows[batch.reached]
        try:
            _deal_with(job, batch, maker, template, row)
        except (Stops, TemplateChanged):
            continue  # in this moment: the next look says why
        except TooManyMails as full:
            return _wait(job, batch, full)
        if batch.reached % SHOWN_EVERY == 0:
            job.progress(batch.reached, len(batch.rows))


def _wait(job: RunningJob, batch: Batch, full: TooManyMails) -> dict[str, Any]:
    """The day's mails are used up: go on when there are some again."""
    job.progress(batch.reached, len(batch.rows), "Waits: as many mails were sent as a day allows")
    with job.step():
        job.again(now() + min(timedelta(seconds=full.wait or 0), WAITS_MOST))
    return {"sent": batch.sent}


def _deal_with(job: RunningJob, batch: Batch, maker: Actor, template: Template, row: Mapping[str, Any]) -> None:
    """One row. Its document is made first, outside of the transaction: what nobody keeps, the reaper removes.

    Raises Stops, TemplateChanged, TooManyMails; then nothing of the row is there.
    """
    problem = row["problem"]
    filled: Filled | None = None
    if not problem:
        try:
            filled = fill_document(template, maker, row["values"])
        except Invalid as error:
            problem = str(error)
    with job.step():
        locked = _lock(job, batch.id)
        if locked is None or locked.state != State.SENDING or locked.reached != batch.reached:
            return
        if filled is not None:
            problem = _send(locked, _maker_of(locked), filled, row)
        if problem != row["problem"]:
            locked.rows[locked.reached]["problem"] = problem
        locked.sent += not problem
        locked.reached += 1
        locked.save(update_fields=["rows", "sent", "reached"])


def _send(batch: Batch, maker: Actor, filled: Filled, row: Mapping[str, Any]) -> str:
    """Make and send it; what is wrong, if it cannot be, and then nothing of it is there."""
    if not _is_as_seen(batch, _locked(maker, filled.template)):
        raise TemplateChanged
    use = Use(row["title"], [(name, email) for name, email in row["people"]], row["values"])
    try:
        with transaction.atomic():
            made = insert_from(maker, filled, use, UUID(row["id"]))
            send_agreement(actor=maker, agreement_id=made.id, text=filled.text)
    except (Invalid, Denied) as error:
        return str(error)
    return ""


def _lock(job: RunningJob, batch_id: UUID) -> Batch | None:
    rows = Batch.objects.filter(organization_id=job.organization_id, id=batch_id).select_related(*READ_WITH)
    return rows.select_for_update(no_key=True, of=("self",)).first()


def _locked(maker: Actor, template: Template) -> Template:
    """The template as it is now, and stays until the row is sent. Raises TemplateChanged."""
    try:
        return get_template(maker, template.id, lock=True)
    except NotFound:
        raise TemplateChanged from None


def _stop(batch: Batch, reason: str) -> None:
    """Before all of it was sent. The trail says why, as the page does: what went out cannot be called back."""
    _end(batch, State.STOPPED, reason)
    actor = system_actor(batch.organization_id, environment_id=batch.environment_id)
    before, after = {"agreements": batch.total}, {"agreements": batch.sent, "stopped": reason}
    recorder.record(actor, Tag.AGREEMENT_TEMPLATE_STOPPED, target=_target_of(batch), before=before, after=after)


def _target_of(batch: Batch) -> Target:
    return Target("agreement_template", batch.template_id or batch.id, batch.name)


def _end(batch: Batch, state: str, reason: str | None = None) -> None:
    """Who was written to stands in their agreements from now on, and goes with them."""
    batch.state, batch.ended_at, batch.reason = state, now(), reason
    batch.rows = [row | {"title": "", "people": [], "values": {}, "problem": _unnamed(row)} for row in batch.rows]
    batch.save(update_fields=["state", "ended_at", "reason", "rows"])


def _unnamed(row: Mapping[str, Any]) -> str:
    """What was wrong, without whose name a sentence of ours begins with."""
    problem: str = row["problem"]
    return UNSENT if any(name and problem.startswith(f"{name} ") for name, _ in row["people"]) else problem


def _mark_of(template: Template) -> bytes:
    """What goes out and is asked of whom: whoever changes that changes what somebody else is about to send."""
    return sha256(canonical({"document": str(template.document_id), "plan": template.plan})).digest()


def _is_as_seen(batch: Batch, template: Template) -> bool:
    return batch.seen is not None and secrets.equal(bytes(batch.seen), _mark_of(template))


def _template_of(batch: Batch) -> Template:
    """Raises Stops."""
    template: Template | None = batch.template
    if template is None:
        raise Stops("The template was removed.")
    if not _is_as_seen(batch, template):
        raise Stops("The template was changed meanwhile. Look at it again, then send the others by another table.")
    return template


def _maker_of(batch: Batch) -> Actor:
    """Whoever sent it, with what they may do now, by the way they came in. Raises Stops."""
    member, place, key = batch.membership, batch.organization, batch.api_key
    if place.state in place.SHUT:
        raise Stops("Nobody comes into the organization just now.")
    if member is None or not member.user.is_active or not batch.method:
        raise Stops("Whoever sent it may not send any more.")
    role, method = Role(member.role), AuthMethod(batch.method)
    permissions = granted(role, by_rules=place.reach == place.Reach.RULES)
    if method is AuthMethod.API_KEY:
        if key is None or key.state != "active":
            raise Stops("The API key that sent it was revoked, or its time was over.")
        permissions &= frozenset(Permission(scope) for scope in key.scopes)
    elif not is_at(member.user.email, place.email_domains):
        raise Stops("Whoever sent it may not send any more.")
    actor = Actor(
        organization_id=batch.organization_id,
        environment_id=batch.environment_id,
        kind="api_key" if key else "person",
        id=key.id if key else member.user_id,
        label=key.name if key else member.user.label,
        method=method,
        permissions=permissions,
        role=role,
        principal_id=member.id,
        person_id=member.user_id,
    )
    if not gate.allows(actor, Permission.SHARES_CREATE):
        raise Stops("Whoever sent it may not send any more.")
    return actor


def _member(actor: Actor) -> UUID:
    """Raises NoMember."""
    member = membership_of(actor)
    if member is None:
        raise NoMember
    return member


def _rows(actor: Actor) -> QuerySet[Batch]:
    return Batch.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "line": row.line,
        "title": row.title,
        "people": [list(person) for person in row.people],
        "values": row.values,
        "problem": row.problem,
    }
