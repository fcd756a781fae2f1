"""Who sees which job."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError, ProgrammingError
from rest_framework.test import APIRequestFactory

from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound
from hq.lib.ids import new_id
from jobs import actions, selectors
from jobs.api import JobEndpoint
from jobs.models import Job
from tests.jobs.support import operator, person, put

pytestmark = pytest.mark.django_db


def get(actor: Actor | None, job_id: UUID) -> tuple[int, dict[str, object]]:
    request: Any = APIRequestFactory().get("/v1/…")
    if actor is not None:
        request.actor = actor
        with tenant(actor.organization_id):
            response = JobEndpoint.as_view()(request, job_id=job_id)
    else:
        response = JobEndpoint.as_view()(request, job_id=job_id)
    return response.status_code, response.data


def test_an_organization_reads_the_progress_of_its_own() -> None:
    job = put("test.returns", payload={"of": "nobody's business"})
    assert actions.run_one("w")
    status, body = get(person(job.organization_id, Permission.JOBS_READ), job.id)
    assert status == 200
    assert body | {"created_at": 0, "finished_at": 0} == {
        "id": job.id,
        "kind": "test.returns",
        "state": "DONE",
        "done": 0,
        "total": 0,
        "message": "",
        "error": None,
        "attempts": 1,
        "result": {"attempt": 1},
        "created_at": 0,
        "finished_at": 0,
    }


def test_another_organizations_job_is_no_job() -> None:
    job = put("test.once")
    theirs, missing = (
        get(person(new_id(), Permission.JOBS_READ), job.id),
        get(person(new_id(), Permission.JOBS_READ), new_id()),
    )
    assert theirs[0] == missing[0] == 404
    assert theirs[1]["detail"] == missing[1]["detail"]


def test_another_environments_job_is_no_job() -> None:
    here, there = new_id(), new_id()
    job = put("test.once", environment_id=here)
    with tenant(job.organization_id):
        assert (
            selectors.get_job(person(job.organization_id, Permission.JOBS_READ, environment_id=here), job.id).id
            == job.id
        )
        with pytest.raises(NotFound):
            selectors.get_job(person(job.organization_id, Permission.JOBS_READ, environment_id=there), job.id)


def test_without_the_permission_it_is_refused() -> None:
    job = put("test.once")
    assert get(person(job.organization_id), job.id)[0] == 403
    assert get(None, job.id)[0] == 401


@pytest.mark.parametrize(
    "verb",
    [
        selectors.list_for_operator,
        selectors.tally_for_operator,
        lambda actor: selectors.get_for_operator(actor, new_id()),
        lambda actor: actions.retry_job(actor=actor, job_id=new_id()),
        lambda actor: actions.discard_job(actor=actor, job_id=new_id()),
    ],
)
def test_the_operators_rooms_are_closed_to_others(verb: object) -> None:
    with pytest.raises(Denied):
        verb(person(new_id(), *(set(Permission) - {Permission.OPERATOR_JOBS})))  # type: ignore[operator]  # a selector of either kind


def test_the_operator_pages_through_all_newest_first() -> None:
    jobs = [put("test.once") for _ in range(5)]
    first = selectors.list_for_operator(operator(), limit=3)
    rest = selectors.list_for_operator(operator(), before=first[-1].id, limit=3)
    assert [line.id for line in first + rest] == sorted((job.id for job in jobs), reverse=True)


def test_the_operator_filters() -> None:
    one, other = put("test.once"), put("test.fails")
    assert [line.id for line in selectors.list_for_operator(operator(), kind="test.fails")] == [other.id]
    assert [line.id for line in selectors.list_for_operator(operator(), organization_id=one.organization_id)] == [
        one.id
    ]
    assert selectors.list_for_operator(operator(), state="DEAD") == []


def test_the_operator_counts_and_sees_the_oldest_that_waits() -> None:
    since = now() - timedelta(minutes=5)
    put("test.once", run_at=since)
    put("test.once", run_at=now() + timedelta(days=1))
    tally = selectors.tally_for_operator(operator())
    assert tally == selectors.Tally({"QUEUED": 2, "RUNNING": 0, "DONE": 0, "DEAD": 0}, since)


def test_work_for_later_does_not_wait() -> None:
    put("test.once", run_at=now() + timedelta(days=1))
    assert selectors.tally_for_operator(operator()).waiting_since is None


def test_the_operator_opens_any_job() -> None:
    job = put("test.once", payload={"thing": "t"})
    assert selectors.get_for_operator(operator(), job.id).payload == {"thing": "t"}
    with pytest.raises(NotFound):
        selectors.get_for_operator(operator(), new_id())


def test_without_an_organization_there_are_no_rows() -> None:
    job = put("test.once")
    assert not Job.objects.exists()
    with tenant(new_id()):
        assert not Job.objects.exists()
        assert Job.objects.filter(id=job.id).update(message="theirs") == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Job(organization_id=job.organization_id, kind="test.once", max_attempts=1).save()


def test_the_running_role_cannot_become_the_one_that_sees_all() -> None:
    with pytest.raises((ProgrammingError, InternalError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET ROLE hq_lookup")
    assert lookups.one("jobs_locate", new_id()) is None


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"state": "LOST"}, "jobs_state_is_known|jobs_finished_at_iff_finished"),
        ({"state": "DONE"}, "jobs_finished_at_iff_finished"),
        ({"finished_at": "2026-01-01T00:00Z"}, "jobs_finished_at_iff_finished"),
        ({"state": "RUNNING"}, "jobs_claim_and_lease_iff_running"),
        ({"claim_id": UUID(int=1)}, "jobs_claim_and_lease_iff_running"),
        ({"attempts": 6}, "jobs_attempts_within_limit"),
        ({"state": "DEAD", "finished_at": "2026-01-01T00:00Z"}, "jobs_dead_has_a_reason"),
        ({"result": {}}, "jobs_result_only_when_done"),
    ],
)
def test_the_table_refuses_what_cannot_be(change: dict[str, object], rule: str) -> None:
    job = put("test.once")
    with tenant(job.organization_id), pytest.raises(IntegrityError, match=rule), transaction.atomic():
        Job.objects.filter(id=job.id).update(**change)
