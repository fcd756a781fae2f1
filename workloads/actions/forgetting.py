"""What is not kept any longer: tokens, marks of those that were used, and lines about exchanges."""

from hq.db.classes import retention
from hq.lib.clock import now
from jobs.registry import RunningJob
from workloads.models import Exchange, Token, UsedToken

TOKENS_KEPT = retention(Token)
EXCHANGES_KEPT = retention(Exchange)
AT_ONCE = 5000


def forget_old(job: RunningJob) -> dict[str, int]:
    """Bit by bit, so that no transaction is long: a stranger may have made many lines."""
    at, here = now(), {"organization_id": job.organization_id}
    old = {
        "tokens": Token.objects.filter(**here, expires_at__lt=at - TOKENS_KEPT),
        "used": UsedToken.objects.filter(**here, expires_at__lt=at - TOKENS_KEPT),
        "exchanges": Exchange.objects.filter(**here, at__lt=at - EXCHANGES_KEPT),
    }
    gone = dict.fromkeys(old, 0)
    for name, rows in old.items():
        while True:
            with job.step():
                ids = list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
                gone[name] += rows.filter(pk__in=ids).delete()[0]
            if len(ids) < AT_ONCE:
                break
    return gone
