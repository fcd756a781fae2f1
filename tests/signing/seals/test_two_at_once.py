"""Two workers seal the same agreement at the same time: one sealed document, one step, one event, nothing left over."""

from datetime import timedelta

import pytest

from audit.models import AuditEvent
from hq.db.context import tenant
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.models import Job
from signing.models import Paper
from tests.crashing import Crasher, running
from tests.factories import make_place, run_jobs
from tests.signing import support
from vault.models import Blob
from vault.tasks import sweep

pytestmark = pytest.mark.django_db(transaction=True)
LONG_ENOUGH = "600\n"  # seconds: nobody is killed here


def begin(worker: Crasher) -> None:
    assert worker.stdin
    worker.stdin.write(LONG_ENOUGH)
    worker.stdin.flush()


def ended(worker: Crasher) -> int:
    assert worker.stdout
    return int(next(said for said in worker.stdout if said.strip().lstrip("-").isdigit()))


@pytest.mark.parametrize("source", ["text", "pdf"])
def test_two_jobs_in_two_processes_make_one_sealed_document(source):
    place = make_place()
    with (
        running("tests.timed_crasher", "signing.actions.sealing") as one,
        running("tests.timed_crasher", "signing.actions.sealing") as other,
    ):
        for worker in (one, other):  # both are there, and have loaded everything
            begin(worker)
            assert ended(worker) == 0
        for _ in range(3):
            agreement = support.sign_all(support.sent(place, 2, pdf=support.pdf_of() if source == "pdf" else None))
            with tenant(place.id):
                job = Job.objects.get(kind="signing.seal", state=Job.State.QUEUED)
                jobs.enqueue(job.kind, organization_id=place.id, environment_id=place.live_id, payload=job.payload)
            for worker in (one, other):
                begin(worker)
            assert (ended(one), ended(other)) == (0, 0)
            agreement = support.fresh(agreement)
            assert agreement.state == "sealed"
            assert support.kinds(agreement).count("sealed") == 1
            with tenant(place.id):
                pair = Job.objects.filter(kind="signing.seal", payload__agreement=str(agreement.id))
                assert sorted((done.result or {})["sealed"] for done in pair) == [False, True]
                assert all(done.state == Job.State.DONE for done in pair)
                (event,) = AuditEvent.objects.filter(tag="agreement:sealed", target_id=str(agreement.id))
                assert event.detail["after"]["pdf_sha256"] == agreement.final.sha256
    with tenant(place.id):
        Blob.objects.filter(state="PENDING").update(lease_until=now() - timedelta(seconds=1))
    sweep()
    run_jobs()
    with tenant(place.id):
        assert Paper.objects.count() == 6
        assert set(Blob.objects.values_list("id", flat=True)) == set(Paper.objects.values_list("blob_id", flat=True))
