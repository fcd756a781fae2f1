"""What is done without anybody asking: yearly rotation, new data keys before they are worn, counting, reminders."""

import logging
from uuid import UUID

from django.db import transaction

from audit.tags import Tag
from hq.authz.actor import system_actor
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.db.sealing import KeyUnavailable
from hq.lib.clock import now
from jobs import actions as jobs
from keys import rings
from keys.actions.records import record_somewhere
from keys.actions.reencryption import actor_of, renew_data_key
from keys.actions.rotation import RotationUnderWay, rotate_key, target_of
from keys.actions.turns import wait_for_turn
from keys.models import Cmk, DataKey
from keys.providers import ProviderError, provider
from keys.registry import RENEWED, Notice, tenancy

log = logging.getLogger("hq.keys")
# Random nonces allow 2^32 encryptions under one key (SP 800-38D section 8.3). A sixteenth of that: a killed process
# loses up to a minute of its count, and two threads at once may lose one of theirs.
MOST_USES = 2**28
KINDS = {
    "rotate": "keys.rotate_yearly",
    "overdue": "keys.say_overdue",
    "renew": "keys.renew_data_keys",
    "destroy": "keys.finish_destruction",
    "remind": "keys.remind_of_destruction",
    "count": "keys.count",
}


def find_work() -> int:
    """Destroy what is due at HQ's own key store, and put in a job for each organization whose keys need something."""
    try:
        provider("embedded").purge_due()  # AWS KMS does it by itself
    except ProviderError as error:  # it is tried again at the next look; the rest must not wait for it
        log.error("HQ's own key store was not looked at", extra={"why": error.code})  # noqa: TRY400 - says it all
    rows = lookups.call("keys_attention", now(), MOST_USES)
    for row in rows:
        kind = KINDS[row["what"]]
        jobs.enqueue(kind, organization_id=row["organization_id"], payload={}, key=kind)
    return len(rows)


def rotate_yearly(organization_id: UUID) -> None:
    """Start the rotation of a key that is nearly a year old, unless one is under way."""
    actor = system_actor(
        organization_id, Permission.KEYS_ROTATE, home_environment_id=actor_of(organization_id).home_environment_id
    )
    cmk = _in_use(organization_id)
    try:
        with transaction.atomic():
            rotate_key(actor=actor, key_id=cmk.id, reason="Yearly schedule")
    except RotationUnderWay:
        log.info("the yearly rotation waits for the one under way", extra={"organization_id": str(organization_id)})
    except KeyUnavailable:  # each look would leave a dead job; that it is overdue is said in the end
        log.warning("the yearly rotation waits for its key", extra={"organization_id": str(organization_id)})


def say_overdue(organization_id: UUID) -> None:
    """Once a key is more than a year old and still not rotated, say so: in the log, the trail and to its keepers."""
    wait_for_turn(organization_id)
    cmk = _in_use(organization_id)
    if cmk.overdue_at is not None:
        return
    cmk.overdue_at = now()
    cmk.save(update_fields=["overdue_at"])
    log.error("yearly rotation is overdue", extra={"organization_id": str(organization_id), "cmk": str(cmk)})
    tenancy().tell_keepers(
        organization_id,
        Notice(
            subject="The yearly rotation of your organization key is overdue",
            sentences=(
                f"Version {cmk.version} has been in use since {cmk.since:%-d %B %Y}, for more than a year.",
                "Open the page of your encryption keys: it says what stands in the way, and lets you start it by hand.",
            ),
            path="keys",
        ),
    )
    record_somewhere(
        actor_of(organization_id), Tag.KEY_ROTATION_OVERDUE, target=target_of(cmk), after={"version": cmk.version}
    )


def renew_data_keys(organization_id: UUID) -> int:
    """Make new versions of the data keys that were used often enough; how many. Older versions still open."""
    wait_for_turn(organization_id)
    rows = DataKey.objects.filter(
        organization_id=organization_id, retired_at=None, uses__gte=MOST_USES, purpose__in=RENEWED
    )
    worn = list(rows.select_related("cmk"))
    rings.cache.unsettle(organization_id)
    for row in worn:
        renew_data_key(row.cmk, row)
    return len(worn)


def _in_use(organization_id: UUID) -> Cmk:
    return Cmk.objects.get(organization_id=organization_id, retired_at=None)
