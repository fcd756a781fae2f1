"""Erasing an organization: how soon nothing opens, how soon it is over, and with workers killed again and again."""

import logging
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.test.utils import override_settings

from bench.access_data import administrator
from bench.figures import Figure, Report
from bench.hands import fork
from hq.authz.roles import Role
from hq.crypto.statements import open_file
from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.models import Job
from keys import rings
from keys.actions.shredding import certificate_file
from keys.selectors import content_key, public_keys
from retention import actions, selectors
from retention.models import Erasure
from tests.factories import Place, make_member, make_place, run_jobs
from tests.retention.support import ask, erasure_of
from vault.actions import put_object

SEED, MEMBERS = 20261122, 50
NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"
ROOT = Path(__file__).resolve().parents[1]
PUT = 100  # by HQ itself; what is more is copied
_BLOBS = """
    INSERT INTO vault_blob
        (organization_id, id, bucket_id, environment_id, state, key, key_version, sealed_size, created_at)
    SELECT one.organization_id, fresh.id, one.bucket_id, one.environment_id, one.state,
           split_part(one.key, '/', 1) || '/' || replace(fresh.id::text, '-', ''), one.key_version, one.sealed_size,
           now()
    FROM (SELECT * FROM vault_blob WHERE organization_id = %(organization)s AND state = 'STORED' LIMIT 1) AS one,
         (SELECT gen_random_uuid() AS id FROM generate_series(1, %(more)s)) AS fresh
"""
_COPIED = "organization_id = %(organization)s AND blob.id NOT IN (SELECT blob_id FROM vault_objectversion)"
_OBJECTS = f"""
    INSERT INTO vault_storedobject (organization_id, environment_id, id, path, current, size, created_at, updated_at)
    SELECT organization_id, environment_id, id, 'copies/' || id, 1, 19, now(), now() FROM vault_blob AS blob
    WHERE {_COPIED}
"""  # noqa: S608 - constants of this file
_VERSIONS = f"""
    INSERT INTO vault_objectversion
        (organization_id, id, object_id, number, blob_id, size, sha256, content_type, created_at, created_by_kind,
         created_by_id, created_by)
    SELECT organization_id, gen_random_uuid(), id, 1, id, 19, sha256('x'), sha256('x'), now(), 'person', id, sha256('x')
    FROM vault_blob AS blob WHERE {_COPIED}
"""  # noqa: S608 - constants of this file


def measure(*, objects: int = 10_000, kills: int = 200) -> Report:
    with override_settings(EMAIL_BACKEND=NO_MAIL):
        shut, whole, place = _erase(objects)
        verified, by_program = _verify(place)
        killed = _kill(kills)
    return Report(
        sizes=f"{objects:,} objects, {MEMBERS} members; {kills} kills (seed {SEED})",
        figures=[
            Figure(what="from begin to nothing opens", samples=[shut], unit=" s", at_most=60),
            Figure(what="from begin to certified", samples=[whole], unit=" s", at_most=60),
            Figure(what="verifying a certificate", samples=[verified], unit=" ms", at_most=50),
            Figure(what="rows left after kills", samples=[killed], unit="", at_most=0),
        ],
        beside={"all of bin/verify": f"{by_program:.0f} ms"},
    )


def _filled(objects: int) -> Place:
    place = make_place()
    for number in range(min(objects, PUT)):
        put_object(actor=place.actor(), path=f"claims/{number}", chunks=[b"claim,amount\n1,250\n"])
    if objects > PUT:
        _multiply(place, objects - PUT)
    for _ in range(MEMBERS):
        make_member(place, Role.ANALYST)
    ask(place)
    _make_due(place)
    actions.find_work()
    return place


def _multiply(place: Place, more: int) -> None:
    """Rows and files as putting makes them, in seconds; erasing opens none of them."""
    objects = Path(settings.DATA_DIR) / "objects"
    with administrator() as admin:
        admin.execute("SET session_replication_role = replica")
        for statement in (_BLOBS, _OBJECTS, _VERSIONS):
            admin.execute(statement, {"organization": place.id, "more": more})
        keys = admin.execute(
            "SELECT key FROM vault_blob WHERE organization_id = %s ORDER BY key", [place.id]
        ).fetchall()
    files = [objects / bucket / name[-2:] / name for bucket, _, name in (key.partition("/") for (key,) in keys)]
    one = next(file for file in files if file.exists()).read_bytes()
    for file in files:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.write_bytes(one)


def _make_due(place: Place) -> None:
    """The waiting is over: as the database's administrator, since HQ itself can bring it no nearer."""
    with administrator() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE retention_erasure SET due_at = now() WHERE organization_id = %s", [place.id])


def _erase(objects: int) -> tuple[float, float, Place]:
    """Seconds until no key opens anything, and until the certificate is signed."""
    place = _filled(objects)
    began = time.monotonic()
    worker = fork(run_jobs)
    shut = 0.0
    while erasure_of(place.id).state != Erasure.State.ERASED:
        if not shut and _is_shut(place):
            shut = time.monotonic() - began
        time.sleep(0.05)
    whole = time.monotonic() - began
    worker.join()
    return shut, whole, place


def _is_shut(place: Place) -> bool:
    rings.forget(place.id)
    try:
        with tenant(place.id):
            content_key(place.id)
    except KeyUnavailable:
        return True
    return False


def _verify(place: Place) -> tuple[float, float]:
    """Milliseconds of reading and checking the certificate, and of the whole of `bin/verify` with its programs."""
    wish = erasure_of(place.id)
    if wish.statement_id is None:
        raise AssertionError("An erasure has ended without a certificate.")
    with tenant(place.id):
        name, text = certificate_file(place.id, wish.statement_id)
    keys, raw = {"keys": public_keys()}, text.encode()
    with TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_text(text)
        command = [sys.executable, str(ROOT / "bin/verify"), str(file)]
        by_program = min(_timed(lambda: subprocess.run(command, capture_output=True, check=False)) for _ in range(10))
    return min(_timed(lambda: open_file(raw, keys)) for _ in range(10)), by_program


def _timed(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return (time.monotonic() - began) * 1000


def _kill(kills: int) -> float:
    """Kill workers wherever they are, in one erasure after another; how many rows are left in the end."""
    chance, done, left = random.Random(SEED), 0, 0  # noqa: S311 - not a secret
    with _no_news():
        while done < kills:
            place = _filled(40)
            while done < kills and erasure_of(place.id).state != Erasure.State.ERASED:
                worker = fork(_work)
                time.sleep(0.4 * chance.random())
                worker.kill()
                worker.join()
                done += worker.exitcode == -signal.SIGKILL
                _find_dead(place)
            while erasure_of(place.id).state != Erasure.State.ERASED:
                _find_dead(place)
                run_jobs()
            with tenant(place.id):
                left += len(selectors.count_rows(place.id))
    return float(left)


def _work() -> None:
    while True:
        if not jobs.run_one("bench"):
            time.sleep(0.002)


def _find_dead(place: Place) -> None:
    """Let the leases of the dead run out; their transactions may live for a moment."""
    while True:
        with tenant(place.id):
            Job.objects.filter(state=Job.State.RUNNING).update(lease_until=now() - timedelta(seconds=1))
        jobs.reap()
        with tenant(place.id):
            if not Job.objects.filter(state=Job.State.RUNNING).exists():
                Job.objects.filter(state=Job.State.QUEUED).update(run_at=now())
                return


@contextmanager
def _no_news() -> Iterator[None]:
    """Each lost worker is worth a line in the log, and here there are hundreds."""
    log = logging.getLogger("hq.jobs")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
