"""The end of an organization: shut, keys, bucket, people, rows, certificate. Killed anywhere, it goes on from there.

Each part looks at what is still there, so that doing it again finds nothing. What the certificate says of it is put
down when it begins, as nothing could tell afterwards. The keys go early: from then on no copy of anything opens.
"""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from audit.recorder import Target
from audit.tags import Tag
from hq.authz.actor import system_actor
from hq.crypto.secrets import digest
from hq.crypto.statements import timestamp
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.registry import RunningJob
from keys.actions.shredding import is_shredded, shred_keys, thumbprints
from retention import selectors
from retention.actions.certificates import certify
from retention.actions.holds import wait_for_turn
from retention.models import Erasure, PersonErasure
from tenants.actions import erasure as tenants
from tenants.actions import record_for_deployment
from vault.actions import purge

log = logging.getLogger("hq.retention")
BATCH = 1000
# HQ looks every ten minutes; a longer gap is a clock that was set, or a machine that was off: people get another day.
LEAP, RESPITE = timedelta(hours=6), timedelta(days=1)
State = Erasure.State


class NotEmpty(Exception):
    """Something is left of an organization that is being erased. The job tries again."""


def erase(job: RunningJob) -> None:
    """Erase the organization, if that is due and nothing stands in the way; else look again later."""
    if not _begin(job):
        return
    _shred(job)
    _remove_bucket(job)
    _erase_people(job)
    _remove_rows(job)
    _end(job)


def _wish(job: RunningJob) -> Erasure | None:
    rows = Erasure.objects.select_for_update(no_key=True)
    return rows.filter(organization_id=job.organization_id, id=UUID(job.payload["wish"])).first()


def _begin(job: RunningJob) -> bool:
    """Shut the organization and put down what there is. False: not yet, or not any more."""
    with job.step():
        wish = _wish(job)
        if wish is None or wish.state not in {State.WAITING, State.ERASING}:
            job.complete()
            return False
        if wish.state == State.ERASING:
            return True
        wait_for_turn(job.organization_id)
        if _clock_leapt(wish) or wish.due_at is None or wish.due_at > now() or _held(wish):
            job.complete({"state": "waits"})
            return False
        wish.counts = selectors.count_rows(job.organization_id)
        wish.facts = _facts(job.organization_id)
        wish.known = _known(job.organization_id)
        wish.addresses = {"owners": [owner.email for owner in tenants.owners_of(job.organization_id)]}
        wish.state, wish.began_at = State.ERASING, now()
        wish.save(update_fields=["counts", "facts", "known", "addresses", "state", "began_at"])
        tenants.shut_for_good(job.organization_id)
    return True


def _clock_leapt(wish: Erasure) -> bool:
    seen, wish.looked_at = wish.looked_at, now()
    leapt = seen is None or not timedelta(0) <= wish.looked_at - seen <= LEAP
    if leapt:
        wish.due_at = max(wish.due_at or wish.looked_at, wish.looked_at + RESPITE)
        log.error("the clock has leapt, so an erasure waits for another day", extra={"erasure": str(wish.id)})
    wish.save(update_fields=["looked_at", "due_at"])
    return leapt


def _held(wish: Erasure) -> bool:
    """A legal hold that was placed while it waited: the erasure goes on waiting, and is looked at again."""
    held = selectors.standing_prefixes(wish.organization_id) != ()
    if held:
        log.warning("a legal hold keeps an organization from being erased", extra={"erasure": str(wish.id)})
    return held


def _facts(organization_id: UUID) -> dict[str, Any]:
    """Numbers and digests only: this column stands in the clear."""
    stored = purge.measure(organization_id)
    people = tenants.people_of(organization_id)
    leaving = tenants.leaving_with(organization_id)
    return {
        "bucket": {
            "digest": digest(stored.bucket).hex(),
            "objects": stored.objects,
            "versions": stored.versions,
            "files": stored.files,
            "bytes": stored.bytes,
        },
        "fingerprints_digest": thumbprints(organization_id),
        "people": {"erased": len(leaving), "left": len(people) - len(leaving)},
    }


def _known(organization_id: UUID) -> dict[str, Any]:
    known = tenants.get_known(organization_id)
    return {"name": known.name if known else ""}


def _shred(job: RunningJob) -> None:
    """In its own transactions: a provider may be slow, or away, and what it wrapped is gone before it is asked."""
    job.progress(0, 4, "Destroying the keys")
    keys = shred_keys(job.organization_id)
    with job.step():
        wish = _wish(job)
        if wish is not None:
            wish.facts = wish.facts | {"keys": keys}
            wish.save(update_fields=["facts"])


def _remove_bucket(job: RunningJob) -> None:
    with job.step():
        bucket = purge.find_bucket(job.organization_id)
    if bucket is None:
        return
    purge.empty_bucket(bucket, lambda gone: job.progress(1, 4, f"Emptying the bucket: {gone} gone"))
    if left := purge.left_in(bucket):
        raise NotEmpty(f"{len(left)} things are left in the bucket")


def _erase_people(job: RunningJob) -> None:
    """Those who belong nowhere else, one by one. Memberships are still there, so nobody is missed when this is cut."""
    job.progress(2, 4, "Erasing accounts that belong nowhere else")
    with job.step():
        people = sorted(tenants.leaving_with(job.organization_id))
    for person_id in people:
        with job.step():
            tenants.erase_person(person_id)


def _remove_rows(job: RunningJob) -> None:
    """Table by table, a batch in a transaction, where the database lets us; the rest goes with the organization."""
    allowed = selectors.deletable_tables()
    for table in selectors.doomed_tables():
        if table not in allowed or table == "jobs_job":
            continue
        removed, more = 0, True
        while more:
            with job.step():
                count = _delete_some(table, job.organization_id)
            removed, more = removed + count, count == BATCH
            job.progress(3, 4, f"Removing rows: {table}, {removed}")


def _delete_some(table: str, organization_id: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE organization_id = %s AND id IN"  # noqa: S608 - a name from our models
            f" (SELECT id FROM {table} WHERE organization_id = %s LIMIT {BATCH})",
            [organization_id, organization_id],
        )
        return int(cursor.rowcount)


def _end(job: RunningJob) -> None:
    """The row of the organization and what hangs on it, the certificate, the deployment's event: all or nothing."""
    with job.step():
        wish = _wish(job)
        if wish is None or wish.state != State.ERASING:
            job.complete()
            return
        _forget_other_jobs(job)
        tenants.remove_organization(job.organization_id)
        _refuse_unless_gone(job.organization_id)
        wish.ended_at = now()
        wish.statement_id = certify("organization", job.organization_id, _said(wish))
        wish.state = State.ERASED
        wish.known = None
        wish.save(update_fields=["state", "ended_at", "statement_id", "known"])
        _forget_names(job.organization_id)
        jobs.enqueue(
            "retention.send_certificate",
            organization_id=job.organization_id,
            payload={"wish": str(wish.id)},
            key="send",
        )
        job.complete({"certificate": str(wish.statement_id)})
        record_for_deployment(
            system_actor(job.organization_id),
            Tag.ORGANIZATION_ERASED,
            target=Target("organization", job.organization_id),
            after={"organization": str(job.organization_id), "certificate": str(wish.statement_id)},
        )


def _forget_names(organization_id: UUID) -> None:
    """What is left of this wish and of others there says by ids who asked. Members who were to go have gone with it."""
    for wish in Erasure.objects.filter(organization_id=organization_id):
        wish.requested_by_label = tenants.ERASED
        wish.approved_by_label = tenants.ERASED if wish.approved_by_id else None
        wish.save(update_fields=["requested_by_label", "approved_by_label"])
    for each in PersonErasure.objects.filter(organization_id=organization_id):
        if each.state == PersonErasure.State.WAITING:
            each.state, each.ended_at = PersonErasure.State.CANCELLED, now()
        each.requested_by_label, each.address = tenants.ERASED, None
        each.save(update_fields=["state", "ended_at", "requested_by_label", "address"])


def _forget_other_jobs(job: RunningJob) -> None:
    """Whatever else was to be done there has lost its object. This one stays, for the operator, as long as any job."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs_job WHERE organization_id = %s AND id <> %s", [job.organization_id, job.id])


def _refuse_unless_gone(organization_id: UUID) -> None:
    if not is_shredded(organization_id):
        raise NotEmpty("keys that were made meanwhile")
    if left := selectors.count_rows(organization_id):
        raise NotEmpty(", ".join(str(line["table"]) for line in left))


def _said(wish: Erasure) -> dict[str, Any]:
    agreed = {"at": timestamp(wish.approved_at), "by": str(wish.approved_by_id)} if wish.approved_at else None
    return {
        "organization": {"id": str(wish.organization_id), "name": (wish.known or {}).get("name", "")},
        "requested": {"at": timestamp(wish.requested_at), "by": str(wish.requested_by_id)},
        "approved": agreed,
        "due_at": timestamp(wish.due_at or wish.requested_at),
        "began_at": timestamp(wish.began_at or wish.requested_at),
        "erased_at": timestamp(wish.ended_at or now()),
        "counts": [{"what": line["what"], "rows": line["rows"], "bytes": 0} for line in wish.counts],
        **wish.facts,
    }
