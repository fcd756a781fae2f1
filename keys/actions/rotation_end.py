"""The end of a rotation: what is left is counted, and what was found is signed."""

import logging
from typing import Any

from audit import recorder
from audit import selectors as trail
from audit.tags import Tag
from hq.authz.actor import system_actor
from hq.crypto.statements import timestamp
from hq.lib.clock import now
from hq.lib.text import plural
from jobs.registry import RunningJob
from keys.actions.holdings import count_held
from keys.actions.rotation import target_of
from keys.actions.signing import issue_statement
from keys.models import DataKey, Rotation, Statement
from keys.registry import KEPT, Notice, holders, tenancy

log = logging.getLogger("hq.keys")
COVERED = (
    "When it ended, no data key of this organization was wrapped by the older version, and no row stood under an older"
    " data key, other than the kept ones."
)
COVERED_MOVED = (
    "When it ended, every data key of this organization was wrapped by the key that is named here, and none by the"
    " former one; no row stood under an older data key, other than the kept ones."
)
COVERED_OWN = (
    "When it ended, the customer's own key had wrapped every data key of this organization anew, and no row stood under"
    " an older data key, other than the kept ones."
)
OWN = (
    "The key is the customer's own in AWS KMS, and HQ makes no versions of it: those named here count what HQ did."
    " Which version of the key's own material wraps now, AWS KMS knows."
)
NOT_COVERED = (
    "Copies of the database made before the end still hold the older data keys, wrapped as they were then.",
    "Whoever held an unwrapped older data key can still open copies made before the end.",
)


def finish_rotation(job: RunningJob, rotation: Rotation) -> None:
    """Say how it ended, in the caller's step: DONE with a signed statement, or INCOMPLETE with the rows that stay."""
    unopened = sum(cursor["unopened"] for cursor in rotation.cursors.values())
    rotation.finished_at, rotation.unopened = now(), unopened
    held = count_held(rotation.organization_id)
    if unopened:
        log.error(
            "rows do not open, so the rotation cannot be completed",
            extra={"organization_id": str(rotation.organization_id), "rows": unopened},
        )
        rotation.state = Rotation.State.INCOMPLETE
        tenancy().tell_keepers(rotation.organization_id, _incomplete(unopened))
    else:
        _forget_emptied(rotation)
        statement = issue_statement(rotation.organization_id, Statement.Kind.ROTATION, _body(rotation, held))
        rotation.state, rotation.statement_id = Rotation.State.DONE, statement.id
        if not rotation.scheduled:
            tenancy().tell_keepers(rotation.organization_id, _notice(rotation))
    rotation.save(update_fields=["finished_at", "unopened", "state", "statement_id"])
    actor = system_actor(rotation.organization_id, home_environment_id=trail.home_of(rotation.organization_id))
    recorder.record(
        actor,
        Tag.KEY_ROTATION_INCOMPLETE if unopened else Tag.KEY_REENCRYPTED,
        target=target_of(rotation.cmk),
        after={
            "version": rotation.to_version,
            "rows_left": unopened,
            "statement": str(rotation.statement_id) if rotation.statement_id else None,
        },
    )
    job.complete({"rows_left": unopened})


def _forget_emptied(rotation: Rotation) -> None:
    """Older data keys under which nothing stands any more."""
    rows = DataKey.objects.filter(organization_id=rotation.organization_id, retired_at__isnull=False, emptied_at=None)
    rows.exclude(purpose__in=KEPT).update(emptied_at=now())


def _notice(rotation: Rotation) -> Notice:
    after, before = f"Version {rotation.to_version}", f"version {rotation.from_version}"
    if rotation.from_cmk:  # the versions of two keys have nothing to do with each other
        after, before = f"The key in {rotation.cmk.kept_in}", "the former key"
    return Notice(
        subject=f"Your organization key is {'moved' if rotation.from_cmk else 'rotated'}",
        sentences=(
            f"{after} protects everything; nothing is left on {before}.",
            "The signed statement is on the page of your encryption keys.",
        ),
        path="keys",
    )


def _incomplete(unopened: int) -> Notice:
    return Notice(
        subject="The rotation of your organization key is not complete",
        sentences=(
            f"{plural(unopened, 'row')} did not open: changed outside HQ, or under a data key that is lost.",
            "They were left as they are; everything else was re-encrypted. The page of your encryption keys says more.",
        ),
        path="keys",
    )


def _body(rotation: Rotation, held: dict[str, Any]) -> dict[str, Any]:
    """What is signed. Every time is UTC."""
    cmk, former = rotation.cmk, rotation.from_cmk
    everything = holders(rotation.organization_id)
    return {
        "type": "hq/key-rotation",
        "organization": {
            "id": str(rotation.organization_id),
            "name": tenancy().name_of(rotation.organization_id),
        },
        "key": {
            "cmk": cmk.ref,
            "provider": cmk.provider,
            "customer_owned": cmk.customer_owned,
            "from_version": rotation.from_version,
            "to_version": rotation.to_version,
        }
        | ({"moved_from": {"cmk": former.ref, "provider": former.provider}} if former else {}),
        "requested": {
            "at": timestamp(rotation.requested_at),
            "by": str(rotation.requested_by_id),
            "name": rotation.requested_by_label,
        },
        "started_at": timestamp(rotation.made_at or rotation.requested_at),
        "finished_at": timestamp(rotation.finished_at or now()),
        "rewrapped": rotation.rewrapped,
        "rows_left": 0,
        "data": [
            {"what": holder.title, "purpose": str(holder.purpose), **held[holder.name]._asdict()}
            for holder in everything
            if holder.purpose not in KEPT and holder.name in held
        ],
        "kept": [
            {"what": holder.title, "purpose": str(holder.purpose), "reason": KEPT[holder.purpose]}
            for holder in everything
            if holder.purpose in KEPT and holder.name in held
        ],
        "covers": [COVERED_OWN if cmk.customer_owned else COVERED_MOVED if former else COVERED],
        "does_not_cover": [*NOT_COVERED, *([OWN] if cmk.customer_owned else [])],
    }
