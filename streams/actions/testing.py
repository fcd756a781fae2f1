"""Trying a target out: one message that says it is a test, once, whether the stream is paused or not."""

from time import monotonic
from uuid import UUID

from audit import recorder
from audit.tags import Tag
from hq.authz.actor import Actor
from hq.db.sealing import KeyUnavailable
from hq.lib.ids import new_id
from jobs import actions as jobs
from jobs.registry import Job, RunningJob
from streams import selectors
from streams.actions.sending import NO_KEY, note_batch
from streams.actions.streams import what
from streams.models import Stream
from streams.targets import TARGETS, Outcome, Parcel
from streams.targets.base import since

TEST = "streams.test"


def test_stream(*, actor: Actor, stream_id: UUID) -> Job:
    """Send one test; what came of it stands among the batches. Raises Denied, NotFound."""
    selectors.require_both(actor)
    stream = selectors.get_stream(actor, stream_id)
    job = jobs.enqueue(
        TEST,
        organization_id=stream.organization_id,
        environment_id=stream.environment_id,
        payload={"stream": stream.id, "test": new_id()},
        key=str(stream.id),
    )
    recorder.record(actor, Tag.STREAM_TESTED, target=what(stream))
    return job


def send_test(job: RunningJob) -> None:
    """Send it, and note what came of it. It says nothing of the stream's health."""
    stream_id = UUID(job.payload["stream"])
    with job.step():
        stream = _find(job, stream_id)
        if stream is None:
            job.complete()
            return
        parcel = Parcel(f"{stream.id}_{job.payload['test']}", stream.environment_id, "", [])
        try:
            target, secret = stream.target, stream.secret
        except KeyUnavailable:
            target = None
    began = monotonic()
    outcome = Outcome(arrived=False, said=NO_KEY)
    if target is not None:
        outcome = TARGETS[stream.kind].send(parcel, target, secret)
    with job.step():
        if _find(job, stream_id) is not None:
            note_batch(stream, parcel, outcome, since(began))
        job.complete()


def _find(job: RunningJob, stream_id: UUID) -> Stream | None:
    return Stream.objects.filter(organization_id=job.organization_id, pk=stream_id).first()
