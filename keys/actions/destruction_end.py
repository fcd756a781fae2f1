"""The end of a key: its provider destroys it, HQ throws away what it wrapped, and certifies what that means."""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from audit import selectors as trail
from audit.tags import Tag
from hq.authz.actor import system_actor
from hq.crypto.secrets import digest
from hq.crypto.statements import file_name, timestamp
from hq.db.classes import DataClass, fields_of
from hq.lib.clock import now
from hq.lib.text import plural
from jobs.registry import RunningJob
from keys import rings
from keys.actions.destruction import call_off_if_held, doomed_by
from keys.actions.holdings import count_held
from keys.actions.records import record_somewhere
from keys.actions.rotation import target_of
from keys.actions.signing import issue_statement
from keys.actions.turns import wait_for_turn
from keys.columns import Held
from keys.models import Cmk, DataKey, Destruction, Statement
from keys.providers import KeyState, NoSuchKey, provider
from keys.providers.embedded import LEAP, RESPITE
from keys.registry import Notice, holders, tenancy

log = logging.getLogger("hq.keys")
AGAIN = timedelta(minutes=10)
# The newest; a digest over the sorted fingerprints of all stands beside them. A statement has at most 1 MiB.
NAMED_DATA_KEYS = 1000
COVERS = (
    "Everything that was encrypted under these keys is unreadable from now on, wherever a copy of it is: in the"
    " database, in the object store, in backups."
)
NOT_COVERED = (
    "Plain text that people or machines took out while the keys were in use.",
    "What never was encrypted under these keys: the fields named here as standing in the clear.",
    "This and earlier statements, and who asked for and agreed to it, which HQ keeps under its own key.",
    "Copies of a key made outside HQ and its key store by whoever runs them.",
)
CUSTOMERS = (
    "A key of the customer's own in AWS KMS is theirs to delete. HQ has thrown away what it wrapped; a backup of the"
    " database from before still opens with it until they delete it."
)
EMBEDDED = (
    "The embedded key store is a folder of files. A backup of that folder, together with the root key, still holds the"
    " keys until it is destroyed too."
)


def finish_destruction(job: RunningJob) -> None:
    """Finish what is due, and call off what a legal hold needs. A provider that is not done is asked again later."""
    with job.step():
        wait_for_turn(job.organization_id)
        rows = Destruction.objects.select_for_update(no_key=True, of=("self",)).select_related("cmk")
        scheduled = rows.filter(organization_id=job.organization_id, state=Destruction.State.SCHEDULED)
        kept = {wish.id for wish in scheduled.order_by("id") if call_off_if_held(wish)}
        due = list(scheduled.filter(due_at__lte=now()).exclude(id__in=kept).order_by("id"))
        scheduled.filter(due_at__gt=now()).update(looked_at=now())
        waiting = False
        for wish in due:
            if _clock_leapt(wish):
                continue
            doomed = doomed_by(wish)
            if all(_is_destroyed(cmk) for cmk in doomed):
                _certify(wish, doomed)
            else:
                waiting = True
        if waiting:
            job.again(now() + AGAIN)
        else:
            job.complete()


def _clock_leapt(wish: Destruction) -> bool:
    """Whether the time came by a leap of the clock, or while HQ was off: then people get another day to call it off.

    HQ looks every hour. The key store has the same rule; a customer's own key has only this one.
    """
    seen, wish.looked_at = wish.looked_at, now()
    leapt = seen is None or not timedelta(0) <= wish.looked_at - seen <= LEAP
    if leapt:
        wish.due_at = wish.looked_at + RESPITE
        log.error("the clock has leapt, so a destruction waits for another day", extra={"destruction": str(wish.id)})
        Cmk.objects.filter(
            organization_id=wish.organization_id, state=KeyState.PENDING_DELETION, customer_owned=True
        ).update(delete_at=wish.due_at)
    wish.save(update_fields=["looked_at", "due_at"])
    return leapt


def _is_destroyed(cmk: Cmk) -> bool:
    if cmk.customer_owned:
        return True
    try:
        return provider(cmk.provider).describe_key(cmk.ref).state == KeyState.DESTROYED
    except NoSuchKey:  # AWS KMS forgets a key that it has deleted; the key store keeps a file of each
        if cmk.provider == "kms" and cmk.ref.split(":")[3] == settings.KMS_REGION:
            return True
        log.error("a key that is due is not where it was, so nothing is certified", extra={"cmk": str(cmk)})  # noqa: TRY400 - the trace would say nothing more
        return False


def _certify(wish: Destruction, doomed: list[Cmk]) -> None:
    organization_id = wish.organization_id
    held = count_held(organization_id) if wish.erases else {}
    keys = [_described(cmk) for cmk in doomed]
    for cmk in doomed:
        cmk.state, cmk.delete_at = KeyState.DESTROYED, None
        cmk.save(update_fields=["state", "delete_at"])
    DataKey.objects.filter(organization_id=organization_id, cmk__in=doomed, destroyed_at=None).update(
        wrapped=None, destroyed_at=now()
    )
    rings.forget(organization_id)
    wish.state, wish.ended_at = Destruction.State.DONE, now()
    body = _body(wish, doomed, keys, held)
    statement = issue_statement(organization_id, Statement.Kind.DELETION, body)
    wish.statement_id = statement.id
    wish.save(update_fields=["state", "ended_at", "statement_id"])
    file = (file_name({"id": str(statement.id)} | body), statement.file)
    tenancy().tell_keepers(organization_id, _notice(keys, file))
    actor = system_actor(organization_id, home_environment_id=trail.home_of(organization_id))
    after = {"keys": len(doomed), "erased_organization": wish.erases, "certificate": str(statement.id)}
    record_somewhere(actor, Tag.KEY_DESTROYED, target=target_of(wish.cmk), after=after)


def _described(cmk: Cmk) -> dict[str, Any]:
    rows = list(DataKey.objects.filter(organization_id=cmk.organization_id, cmk=cmk).order_by("-id"))
    fingerprints = b"".join(sorted(bytes(row.fingerprint or b"") for row in rows))
    return {
        "cmk": cmk.ref,
        "provider": cmk.provider,
        "customer_owned": cmk.customer_owned,
        "versions": cmk.version,
        "data_keys_total": len(rows),
        "fingerprints_digest": digest(fingerprints).hex(),
        "data_keys": [
            {
                "id": str(row.id),
                "purpose": row.purpose,
                "environment": str(row.environment_id) if row.environment_id else None,
                "version": row.version,
                "fingerprint": bytes(row.fingerprint or b"").hex(),
            }
            for row in rows[:NAMED_DATA_KEYS]
        ],
    }


def _body(wish: Destruction, doomed: list[Cmk], keys: list[dict[str, Any]], held: dict[str, Held]) -> dict[str, Any]:
    organization_id: UUID = wish.organization_id
    beyond = list(NOT_COVERED)
    beyond += [CUSTOMERS] if any(cmk.customer_owned for cmk in doomed) else []
    beyond += [EMBEDDED] if any(cmk.provider == "embedded" for cmk in doomed) else []
    return {
        "type": "hq/deletion-certificate",
        "organization": {"id": str(organization_id), "name": tenancy().name_of(organization_id)},
        "requested": {"at": timestamp(wish.requested_at), "by": str(wish.requested_by_id)},
        "approved": {"at": timestamp(wish.approved_at or now()), "by": str(wish.approved_by_id)},
        "scheduled_at": timestamp(wish.due_at or now()),
        "destroyed_at": timestamp(wish.ended_at or now()),
        "keys": keys,
        "counts": [
            {"what": holder.title, **held[holder.name]._asdict()}
            for holder in holders(organization_id)
            if holder.name in held
        ],
        "chain": [
            {"environment": str(head.environment_id), "index": head.length, "hash": bytes(head.hash).hex()}
            for head in trail.heads_of(organization_id)
        ],
        "in_the_clear": _in_the_clear(),
        "covers": [COVERS],
        "does_not_cover": beyond,
    }


def _in_the_clear() -> list[str]:
    """The columns of customer metadata that no key ever sealed."""
    return sorted(f"{each.table}.{each.field}" for each in fields_of(DataClass.METADATA) if each.why_plain)


def _notice(keys: list[dict[str, Any]], file: tuple[str, str]) -> Notice:
    data_keys = sum(key["data_keys_total"] for key in keys)
    return Notice(
        subject="A key is destroyed",
        sentences=(
            f"{plural(len(keys), 'key')} and {plural(data_keys, 'data key')} are gone for good.",
            "The signed deletion certificate is attached. Keep it: anyone can check it, without HQ.",
        ),
        path="keys",
        file=file,
    )


def remind_of_destruction(organization_id: UUID) -> None:
    """Say again, as the end comes nearer, what will happen and how to stop it. In the caller's transaction."""
    wait_for_turn(organization_id)
    rows = Destruction.objects.select_for_update(no_key=True)
    for wish in rows.filter(organization_id=organization_id, state=Destruction.State.SCHEDULED):
        left = -((now() - (wish.due_at or now())) // timedelta(days=1))
        if left <= 0 or (wish.announced is not None and left >= wish.announced):
            continue
        wish.announced = left
        wish.save(update_fields=["announced"])
        tenancy().tell_keepers(organization_id, _reminder(wish, left))


def _reminder(wish: Destruction, left: int) -> Notice:
    what = "Every key of the organization" if wish.erases else "A key"
    return Notice(
        subject=f"{plural(left, 'day')} until a key is destroyed",
        sentences=(
            f"{what} is destroyed on {wish.due_at:%-d %B %Y, %H:%M} UTC.",
            "After that, nothing brings back what it protects. Cancel on the page of your encryption keys.",
        ),
        path="keys",
    )
