"""Looking whether a log goes on from every checkpoint that lies in its archive.

Whoever sets the database back sets back the checkpoints in it, too, and all there fits. Those outside stay.
"""

import logging
from collections.abc import Iterator
from itertools import islice
from typing import Final

from archive.actions.plan import Order, checkpoint_name
from archive.buckets import Bucket
from archive.selectors import progress_of
from evidence.actions.checkpoints import tell_kept
from evidence.selectors.checkpoints import goes_on_from, of_log
from hq.db.context import tenant
from jobs.registry import RunningJob

log = logging.getLogger("hq.archive")
BATCH: Final = 1000
MOST: Final = 100  # of those that the database does not know; one that does not fit is enough


def compare_checkpoints(job: RunningJob, target: Bucket, order: Order) -> None:
    """Raise an alarm of the first that the log does not go on from. In no transaction.

    Raises ArchiveFault, LeaseLost; LookupError: the log's tree cannot be read.
    """
    place = (order.organization_id, order.environment_id, order.log)
    for size in [*sorted(_unknown(job, target, order))[:MOST], *_newest(order)]:
        name = checkpoint_name(order, size)
        note = target.read(name).decode(errors="replace")
        with tenant(order.organization_id):
            fits = goes_on_from(place, note)
            if fits is False:
                tell_kept(*place, size)
                return
        if fits is None:
            log.error("the archive has a checkpoint that HQ did not sign", extra={"archived_file": name})


def _unknown(job: RunningJob, target: Bucket, order: Order) -> Iterator[int]:
    """Sizes of checkpoints that lie there, and that the database has not."""
    above = checkpoint_name(order, 0).removesuffix("0.txt")
    found = (int(name) for path in target.names(above) if (name := path[len(above) : -len(".txt")]).isdecimal())
    while sizes := list(islice(found, BATCH)):
        with tenant(order.organization_id):
            known = set(of_log(order.environment_id, order.log).filter(size__in=sizes).values_list("size", flat=True))
        yield from (size for size in sizes if size not in known)
        job.progress(max(sizes), message="checkpoints")  # of years, there may be many


def _newest(order: Order) -> list[int]:
    """The newest that was kept: the database may have another of this size by now."""
    with tenant(order.organization_id):
        size = progress_of(order.organization_id, order.environment_id, order.log).checkpoint
    return [size] if size else []
