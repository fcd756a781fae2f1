"""What an operator may do with work that has given up."""

import pytest

from hq.db.context import tenant
from hq.lib.errors import NotFound
from hq.lib.ids import new_id
from jobs import actions
from jobs.actions import NotDead, QueuedAgain
from jobs.models import Job
from tests.jobs.support import make_due, operator, put, read

pytestmark = pytest.mark.django_db


def dead(key: str = "") -> Job:
    job = put("test.fails", key=key)
    for _ in range(2):
        make_due(job)
        assert actions.run_one("w")
    assert read(job).state == "DEAD"
    return job


def test_it_is_retried_with_all_its_attempts() -> None:
    job = dead()
    returned = actions.retry_job(actor=operator(), job_id=job.id)
    row = read(job)
    assert (row.state, row.attempts, row.finished_at) == ("QUEUED", 0, None)
    assert row.error.startswith("Secret: ")
    assert (returned.id, returned.organization_id, returned.kind) == (job.id, job.organization_id, "test.fails")
    assert actions.run_one("w")


def test_it_is_discarded() -> None:
    job = dead()
    assert actions.discard_job(actor=operator(), job_id=job.id).error.startswith("Secret: ")
    with pytest.raises(Job.DoesNotExist):
        read(job)


@pytest.mark.parametrize("verb", [actions.retry_job, actions.discard_job])
def test_only_what_is_dead(verb: object) -> None:
    job = put("test.once")
    with pytest.raises(NotDead):
        verb(actor=operator(), job_id=job.id)  # type: ignore[operator]  # a verb of either kind
    with pytest.raises(NotFound):
        verb(actor=operator(), job_id=new_id())  # type: ignore[operator]  # a verb of either kind
    assert read(job).state == "QUEUED"


def test_a_second_press_of_the_button_changes_nothing() -> None:
    job = dead()
    actions.retry_job(actor=operator(), job_id=job.id)
    with pytest.raises(NotDead):
        actions.retry_job(actor=operator(), job_id=job.id)


def test_it_is_not_retried_beside_the_same_work() -> None:
    job = dead(key="k")
    put("test.fails", job.organization_id, key="k")
    with pytest.raises(QueuedAgain):
        actions.retry_job(actor=operator(), job_id=job.id)
    with tenant(job.organization_id):
        assert sorted(Job.objects.values_list("state", flat=True)) == ["DEAD", "QUEUED"]
