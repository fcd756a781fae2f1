"""Finding what is due."""

from typing import Any

from hq.db import lookups
from hq.lib.clock import now
from jobs import actions as jobs
from retention.actions.periods import ENFORCED_EVERY


def find_work() -> int:
    """Put in a job for each organization not looked through today, and for each erasure that is due; how many."""
    rows: list[dict[str, Any]] = lookups.call("retention_attention", now(), now() - ENFORCED_EVERY)
    for row in rows:
        wish = row["wish"]
        jobs.enqueue(
            f"retention.{row['what']}",
            organization_id=row["organization_id"],
            payload={"wish": str(wish)} if wish else {},
            key=f"{row['what']}:{wish or ''}",
        )
    return len(rows)
