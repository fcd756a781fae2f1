"""Looking once more at what was archived, before the rows of a month go: it was read back years ago.

Nothing is downloaded where the place knows the SHA-256 of what it keeps: files may lie in GLACIER by then.
"""

import logging
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from archive.actions.readback import DoesNotFit, over
from archive.buckets import Absent, Bucket, bucket
from archive.models import Digest, File
from audit.months import Held
from hq.crypto.secrets import digest
from hq.db.context import tenant
from hq.lib.clock import now

log = logging.getLogger("hq.archive")
TERM: Final = timedelta(days=2557)  # after that the archive's own life is over, and what is gone went as it should


def require_kept(held: Sequence[Held]) -> None:
    """Compare every file and digest of what a month holds with what was written. Raises ArchiveFault, DoesNotFit.

    In no transaction: it may take a while.
    """
    target = bucket()
    target.check()
    for one in held:
        files, digests = _written(one)
        for file in files:
            _compare(target, file.name, bytes(file.file_hash or b""), file.day)
        for each in digests:
            _compare(target, each.name, digest(each.file.encode()), each.day)


def _written(held: Held) -> tuple[list[File], list[Digest]]:
    """What was written of a month's rows. Raises DoesNotFit: not all of them were."""
    with tenant(held.organization_id):
        place = {"organization_id": held.organization_id, "environment_id": held.environment_id, "log": held.log}
        found = File.objects.filter(**place, last__gte=held.first, first__lte=held.last)
        files = list(found.order_by("first"))
        digests = over(files)
    reached = held.first - 1
    for file in files:
        if file.first > reached + 1:
            raise DoesNotFit
        reached = file.last
    if reached < held.last or not digests or digests[0].first > held.first or digests[-1].last < held.last:
        raise DoesNotFit
    return files, digests


def _compare(target: Bucket, name: str, wanted: bytes, day: date) -> None:
    try:
        fits = target.digest(name) == wanted
    except Absent:
        fits = now().date() - day > TERM
    if not fits:
        log.error("the archive does not have what was read back", extra={"archived_file": name})
        raise DoesNotFit
