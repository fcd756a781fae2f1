"""A trail of some days, archived: what is written, and what a stranger finds in it."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

from django.conf import settings

from archive import actions, tasks
from archive.models import Progress
from audit import actions as audit
from audit import recorder
from audit.recorder import Target
from audit.tags import Log, Tag
from hq.db.context import tenant
from hq.lib import clock
from jobs.models import Job
from tests.factories import Place, run_jobs


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Whatever asks for the time in between is told this one."""
    with mock.patch.object(clock, "datetime", wraps=datetime) as told:
        told.now.return_value = moment
        yield


def act(place: Place, count: int = 1, **words: str) -> None:
    """Events of the administrative log, and as many requests."""
    for number in range(count):
        with tenant(place.id):
            recorder.record(
                place.actor(),
                Tag.SHARE_CREATED,
                target=Target("share", place.id, words.get("label", f"link {number}")),
                after={"n": number, "words": words.get("label", "")},
                reason=words.get("reason", ""),
            )
        recorder.record_access(
            organization_id=place.id,
            actor=place.actor(),
            origin=place.actor().origin,
            verb="GET",
            route=words.get("route", "v1/me"),
            status=200,
            milliseconds=1,
            detail={"path": words.get("label", "")},
        )


def grow(place: Place) -> None:
    audit.grow(place.id, place.live_id)


def sweep() -> None:
    """The beat, and the workers after it."""
    tasks.sweep()
    work()


def work() -> None:
    run_jobs()
    run_jobs("network")


def write(place: Place) -> None:
    """Archive everything that is there."""
    for log in Log:
        actions.enqueue_write(place.id, place.live_id, log)
    work()


def due_now(place: Place) -> None:
    """What waits for its next try is tried now."""
    with tenant(place.id):
        Job.objects.filter(state="QUEUED").update(run_at=clock.now() - timedelta(seconds=1))


def folder() -> Path:
    return Path(settings.ARCHIVE_DIR)


def files(pattern: str = "**/*") -> list[str]:
    return sorted(str(path.relative_to(folder())) for path in folder().glob(pattern) if path.is_file())


def rows(environment_id: UUID, log: Log = Log.ADMIN) -> list[dict[str, Any]]:
    """Every line of a log, in the order of its entries."""
    found = []
    for name in files(f"audit/{log}/{environment_id}/**/*.gz"):
        found += [json.loads(line) for line in gzip.decompress((folder() / name).read_bytes()).splitlines()]
    return sorted(found, key=lambda row: row["document"]["index"])


def digests(environment_id: UUID, log: Log = Log.ADMIN) -> list[dict[str, Any]]:
    found = [
        json.loads((folder() / name).read_bytes())["statement"]
        for name in files(f"audit/digests/{environment_id}/{log}/**/*.json")
    ]
    return sorted(found, key=lambda digest: digest["number"])


def progress(place: Place, log: Log = Log.ADMIN) -> Progress:
    with tenant(place.id):
        return Progress.objects.get(environment_id=place.live_id, log=log)
