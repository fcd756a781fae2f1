"""What time brings: agreements that end unsigned, reminders, and forgetting what is over (VLT-11)."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz.actor import Origin, system_actor
from hq.db.retention import RecordClass
from hq.lib.clock import now
from jobs.registry import RunningJob
from signing import selectors
from signing.actions.ceiling import TooManyMails, charge_mails
from signing.actions.chain import add_step
from signing.actions.drafts import target_of
from signing.actions.sending import KEPT, delete_agreement, tombstone_of
from signing.actions.turns import mail
from signing.models import Agreement, Batch, Code, SignerSession, Template
from signing.models.batches import TABLES_KEPT
from tenants import selectors as tenants

BY_TEMPLATE: Final = "signing.agreements_by_template"
BATCH: Final = 50
DOORS_BATCH: Final = 1_000
DOORS_KEPT: Final = timedelta(days=1)
ERASED: Final = "Erased member"
State = Agreement.State
_HQ: Final = {"name": "HQ", "kind": "system"}
_DAY: Final = timedelta(days=1)


def look_after(job: RunningJob) -> dict[str, int]:
    """Everything that is due in one organization, an agreement a transaction. Killed anywhere, it goes on."""
    expired = reminded = 0
    with job.step():  # where nobody comes in, no mail goes out: what is due is due once it is open again
        is_open = tenants.find_open(job.organization_id) is not None
    while is_open and _expire_one(job):
        expired += 1
    with suppress(TooManyMails):  # the others stay due
        while is_open and _remind_one(job):
            reminded += 1
    return {"expired": expired, "reminded": reminded, "doors": _forget_doors(job), "tables": _forget_tables(job)}


def _expire_one(job: RunningJob) -> bool:
    with job.step():
        agreement = _next(Agreement.objects.filter(organization_id=job.organization_id, expires_at__lte=now()))
        if agreement is None:
            return False
        asked = [one for one in selectors.list_signers(agreement) if one.acts and one.is_asked]
        agreement.state, agreement.ended_at = State.EXPIRED, now()
        agreement.save(update_fields=["state", "ended_at"])
        add_step(agreement, "expired", origin=Origin(), who=_HQ)
        mail(agreement, "expired")
        for signer in asked:
            mail(agreement, "expired", signer)
        actor = system_actor(agreement.organization_id, environment_id=agreement.environment_id)
        recorder.record(actor, Tag.AGREEMENT_EXPIRED, target=target_of(agreement))
    return True


def _remind_one(job: RunningJob) -> bool:
    with job.step():
        every = ExpressionWrapper(F("remind_every") * Value(_DAY), output_field=DurationField())
        told = Coalesce("reminded_at", "sent_at")
        rows = Agreement.objects.filter(organization_id=job.organization_id, remind_every__gt=0, expires_at__gt=now())
        agreement = _next(rows.alias(due_at=told + every).filter(due_at__lte=now()))
        if agreement is None:
            return False
        asked = [one for one in selectors.list_signers(agreement) if one.acts and one.is_asked]
        charge_mails(agreement.organization_id, len(asked))
        agreement.reminded_at = now()
        agreement.save(update_fields=["reminded_at"])
        for signer in asked:
            mail(agreement, "remind", signer)
        facts = {"signers": len(asked), "by_itself": True}
        add_step(agreement, "reminded", origin=Origin(), who=_HQ, facts=facts)
        actor = system_actor(agreement.organization_id, environment_id=agreement.environment_id)
        recorder.record(actor, Tag.AGREEMENT_REMINDED, target=target_of(agreement), after=facts)
    return True


def _next(rows: QuerySet[Agreement]) -> Agreement | None:
    """The first that is out, locked; whoever acts on one at this moment comes first, and is looked at again."""
    out = rows.filter(state=State.SENT).select_related("document", "environment").order_by("expires_at", "id")
    return out.select_for_update(no_key=True, of=("self",), skip_locked=True).first()


def _forget_doors(job: RunningJob) -> int:
    removed = 0
    for model in (Code, SignerSession):
        count = DOORS_BATCH
        while count == DOORS_BATCH:
            with job.step():
                old = model.objects.filter(organization_id=job.organization_id, expires_at__lte=now() - DOORS_KEPT)
                some = list(old.order_by("id").values_list("id", flat=True)[:DOORS_BATCH])
                model.objects.filter(organization_id=job.organization_id, id__in=some).delete()
                count = len(some)
            removed += count
    return removed


def _forget_tables(job: RunningJob) -> int:
    """Tables of people that were checked and that nobody has sent since."""
    with job.step():
        unsent = Batch.objects.filter(organization_id=job.organization_id, state=Batch.State.CHECKED)
        return unsent.filter(created_at__lte=now() - TABLES_KEPT).delete()[0]


def forget_maker(organization_id: UUID, person_id: UUID, membership_id: UUID | None) -> int:
    """Name an erased member no more beside what they made; how many rows. In the caller's transaction.

    What stands in a chain stays: an agreement binds others too, and nothing of it can be changed. A table of people
    that they had not sent goes: nobody else can send it.
    """
    theirs = Batch.objects.filter(organization_id=organization_id, created_by_kind="person", created_by_id=person_id)
    changed = theirs.filter(state=Batch.State.CHECKED).delete()[0]
    for model in (Agreement, Batch, Template):
        for row in model.objects.filter(
            organization_id=organization_id, created_by_kind="person", created_by_id=person_id
        ):
            row.created_by_label = ERASED
            row.save(update_fields=["created_by_label"])
            changed += 1
    return changed


# ---- how long agreements stay


def _over(organization_id: UUID, before: datetime) -> QuerySet[Agreement]:
    """Ended before that, of no template that says something else."""
    free = Q(template__isnull=True) | Q(template__held=False, template__keep_days__isnull=True)
    return Agreement.objects.filter(free, organization_id=organization_id, ended_at__lt=before)


def _over_by_template(organization_id: UUID, before: datetime) -> QuerySet[Agreement]:
    kept = ExpressionWrapper(F("template__keep_days") * Value(_DAY), output_field=DurationField())
    rows = Agreement.objects.filter(
        organization_id=organization_id, template__held=False, template__keep_days__isnull=False, ended_at__isnull=False
    )
    return rows.alias(until=F("ended_at") + kept).filter(until__lt=before)


def count_over(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    return _over(organization_id, before).count()


def remove_over(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    """One batch; how many."""
    return _remove(_over(organization_id, before))


def count_over_by_template(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    return _over_by_template(organization_id, before).count()


def remove_over_by_template(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    """One batch; how many."""
    return _remove(_over_by_template(organization_id, before))


def _remove(rows: QuerySet[Agreement]) -> int:
    """First every row is locked and removed, then every event recorded: whoever has the trail waits for nothing."""
    some = rows.select_related("document", "final").order_by("id")
    found = list(some.select_for_update(no_key=True, of=("self",), skip_locked=True)[:BATCH])
    told: list[tuple[UUID, UUID, Target, dict[str, object]]] = []
    for agreement in found:
        place = (agreement.organization_id, agreement.environment_id)
        told.append((*place, target_of(agreement), tombstone_of(agreement)))
        delete_agreement(agreement)
    for organization_id, environment_id, target, tombstone in sorted(told, key=lambda each: str(each[1])):
        actor = system_actor(organization_id, environment_id=environment_id)
        recorder.record(actor, Tag.AGREEMENT_REMOVED, target=target, before=tombstone)
    return len(found)


CLASSES: Final = (
    RecordClass(
        name=KEPT,
        title="Agreements",
        holds="Agreements that ended, signed or not, with their documents and chains; the trail keeps their hashes",
        since="after the agreement ended",
        default=None,
        least=30,
        most=36_500,
        count=count_over,
        remove=remove_over,
    ),
    RecordClass(
        name=BY_TEMPLATE,
        title="Agreements whose template says how long",
        holds="Agreements that ended, of a template that keeps them for so many days",
        since="after the days that the template says are over",
        default=_DAY,
        count=count_over_by_template,
        remove=remove_over_by_template,
    ),
)
