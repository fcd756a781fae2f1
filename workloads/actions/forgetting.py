"""What is not kept any longer: tokens, marks of those that were used, and lines about exchanges."""

from datetime import datetime
from uuid import UUID

from hq.db.classes import retention
from hq.db.retention import RecordClass, cutoff
from hq.lib.clock import now
from jobs.registry import RunningJob
from workloads.models import Exchange, Token, UsedToken

TOKENS_KEPT = retention(Token)
EXCHANGES_KEPT = retention(Exchange)
AT_ONCE = 5000
NAME = "workloads.exchanges"


def forget_old(job: RunningJob) -> dict[str, int]:
    """Bit by bit, so that no transaction is long: a stranger may have made many lines."""
    at, here = now(), {"organization_id": job.organization_id}
    old = {
        "tokens": Token.objects.filter(**here, expires_at__lt=at - TOKENS_KEPT),
        "used": UsedToken.objects.filter(**here, expires_at__lt=at - TOKENS_KEPT),
    }
    with job.step():
        before = cutoff(job.organization_id, NAME)
    if before is not None:
        old["exchanges"] = Exchange.objects.filter(**here, at__lt=before)
    gone = dict.fromkeys((*old, "exchanges"), 0)
    for name, rows in old.items():
        while True:
            with job.step():
                ids = list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
                gone[name] += rows.filter(pk__in=ids).delete()[0]
            if len(ids) < AT_ONCE:
                break
    return gone


def count_exchanges(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    return Exchange.objects.filter(organization_id=organization_id, at__lt=before).count()


def remove_exchanges(organization_id: UUID, before: datetime, held: tuple[str, ...] = ()) -> int:
    """One batch of those from before then; how many."""
    rows = Exchange.objects.filter(organization_id=organization_id, at__lt=before)
    return rows.filter(pk__in=list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])).delete()[0]


EXCHANGES = RecordClass(
    name=NAME,
    title="Log of workloads",
    holds="Each exchange of a workload’s token, and each refusal",
    since="after it happened",
    default=EXCHANGES_KEPT,
    least=7,
    most=400,
    count=count_exchanges,
    remove=remove_exchanges,
)
