"""Saying that the archive has refused for a day: in the log, and by mail to the operators, once a day."""

import logging
from datetime import timedelta

from archive.selectors import find_failing, progress_of
from audit.tags import Log
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from hq.lib.text import plural
from keys.registry import Notice, tenancy

log = logging.getLogger("hq.archive")
PATIENCE = EVERY = timedelta(days=1)


def sound_alarm() -> bool:
    """True if it was told now."""
    at = now()
    logs, since = find_failing(PATIENCE, at)
    if not logs or since is None:
        return False
    with tenant(PLATFORM_ID):
        mark = progress_of(PLATFORM_ID, PLATFORM_ID, Log.ADMIN, lock=True)
        if mark.alarmed_at is not None and mark.alarmed_at > at - EVERY:
            return False
        mark.alarmed_at = at
        mark.save(update_fields=["alarmed_at"])
        log.error("the archive has failed for a day", extra={"logs": logs, "since": since.isoformat()})
        tenancy().tell_keepers(
            PLATFORM_ID,
            Notice(
                subject="The trail is not being archived",
                sentences=(
                    f"Since {since:%Y-%m-%d %H:%M} UTC the archive has not taken {plural(logs, 'log')} of the trail.",
                    "HQ keeps trying, and drops no entry that is not archived.",
                    "The workers’ log (hq.archive) says what keeps it.",
                ),
            ),
        )
    return True
