"""The operator's room of jobs, over HTTP and as the running role."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from audit import selectors as trail
from audit.models import AuditEvent
from audit.selectors import Filters
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from hq.lib.ids import new_id
from jobs import actions, selectors
from jobs.models import Job
from tests.factories import make_place, sign_in
from tests.jobs.support import make_due, put, read
from tests.operators import desk_of, make_operator

pytestmark = pytest.mark.django_db
# A refusal rolls back whatever transaction it is in; a test around it must not be one.
refusals = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Client:
    return desk_of(make_operator(name="Opal Operator"))


def dead(organization_id: UUID | None = None) -> Job:
    job = put("test.fails", organization_id, payload={"thing": "thing-7"})
    for _ in range(2):
        make_due(job)
        assert actions.run_one("worker 9")
    return read(job)


def events(organization_id: UUID) -> list[AuditEvent]:
    with tenant(organization_id):
        return list(AuditEvent.objects.filter(target_kind="job").order_by("index"))


PAGES: list[Callable[[Client, UUID], Any]] = [
    lambda client, _: client.get("/operator/jobs"),
    lambda client, job_id: client.get(f"/operator/jobs/{job_id}"),
    lambda client, job_id: client.post(f"/operator/jobs/{job_id}/retry"),
    lambda client, job_id: client.post(f"/operator/jobs/{job_id}/discard"),
]


@refusals
def test_to_anyone_else_there_is_no_such_page() -> None:
    job = dead()
    owner = sign_in(make_place().owner)
    for page in PAGES:
        theirs, missing = page(owner, job.id), page(owner, new_id())
        assert theirs.status_code == missing.status_code == 404
        assert str(theirs.context["problem"]) == str(missing.context["problem"])
        assert b"test.fails" not in theirs.content
    assert read(job).state == "DEAD"


@pytest.mark.parametrize("page", PAGES)
def test_who_is_not_signed_in_is_asked_to(page: Callable[[Client, UUID], Any]) -> None:
    answer = page(Client(), new_id())
    assert answer.status_code == 302
    assert "login" in answer["Location"]


def test_the_list_shows_metadata_of_every_organization(operator: Client) -> None:
    job, other = dead(), put("test.once", run_at=now() - timedelta(minutes=7))
    page = operator.get("/operator/jobs").content.decode()
    for organization_id in (job.organization_id, other.organization_id):
        assert str(organization_id) in page
    assert "2 of 2" in page
    assert "7 min ago" in page
    assert "thing-7" not in page


def test_the_list_is_narrowed_by_its_address(operator: Client) -> None:
    job, other = dead(), put("test.once")
    shown = {
        query: {line.id for line in operator.get(f"/operator/jobs?{query}").context["jobs"]}
        for query in ("state=DEAD", "kind=test.once", f"organization={job.organization_id}", "state=DONE")
    }
    assert list(shown.values()) == [{job.id}, {other.id}, {job.id}, set()]


def test_the_list_goes_on_where_the_page_ended(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "PAGE", 2)
    jobs = [put("test.once") for _ in range(3)]
    first = operator.get("/operator/jobs?kind=test.once")
    rest = operator.get("/operator/jobs" + first.context["older"])
    assert [line.id for line in [*first.context["jobs"], *rest.context["jobs"]]] == [job.id for job in reversed(jobs)]
    assert rest.context["older"] == ""
    assert rest.context["newest"] == "?kind=test.once"


@refusals
def test_an_address_that_is_not_whole_is_refused(operator: Client) -> None:
    for query in ("state=LOST", "organization=1", "cursor=%00", "kind=" + "x" * 101, "kind=%00"):
        assert operator.get(f"/operator/jobs?{query}").status_code == 400


def test_the_detail_page_shows_attempts_error_and_ids(operator: Client) -> None:
    job = dead()
    page = operator.get(f"/operator/jobs/{job.id}").content.decode()
    for words in ("2 of 2", "Secret: ", "worker 9", "thing-7", str(job.organization_id), "Retry", "Discard"):
        assert words in page
    assert "hunter2" not in page
    assert f'href="/operator/jobs?organization={job.organization_id}"' in page


def test_only_what_is_dead_has_buttons(operator: Client) -> None:
    page = operator.get(f"/operator/jobs/{put('test.once').id}").content.decode()
    assert "/retry" not in page
    assert "/discard" not in page


@refusals
def test_a_job_that_is_not_there_is_not_found(operator: Client) -> None:
    assert operator.get(f"/operator/jobs/{new_id()}").status_code == 404
    assert operator.post(f"/operator/jobs/{new_id()}/retry").status_code == 404


def test_a_retry_queues_it_again_and_tells_the_organization(operator: Client) -> None:
    place = make_place()
    job = dead(place.id)
    answer = operator.post(f"/operator/jobs/{job.id}/retry", follow=True)
    assert answer.redirect_chain == [(f"/operator/jobs/{job.id}", 302)]
    assert b"Queued again." in answer.content
    assert read(job).state == "QUEUED"
    with tenant(place.id):
        [event] = trail.list_events(place.actor(), Filters(tag="job:retried"), before=None, limit=5)
    assert (event.target_id, event.actor_label) == (str(job.id), "Opal Operator")
    assert event.detail["before"] == {"state": "DEAD", "error": job.error}
    assert event.detail["after"] == {"state": "QUEUED"}
    assert event.detail["reason"] == "By the platform's operator."


def test_a_discarded_one_is_gone_and_its_trail_is_not(operator: Client) -> None:
    place = make_place()
    job = dead(place.id)
    answer = operator.post(f"/operator/jobs/{job.id}/discard", follow=True)
    assert answer.redirect_chain == [("/operator/jobs", 302)]
    with pytest.raises(Job.DoesNotExist):
        read(job)
    [event] = events(place.id)
    assert event.tag == "job:discarded"
    assert event.detail["before"]["payload"] == {"thing": "thing-7"}


@pytest.mark.parametrize("organization_id", [PLATFORM_ID, new_id()])
def test_without_a_trail_of_its_own_it_stands_in_the_deployments(operator: Client, organization_id: UUID) -> None:
    job = dead(organization_id)
    assert operator.post(f"/operator/jobs/{job.id}/retry").status_code == 302
    [event] = events(PLATFORM_ID)
    assert event.detail["before"]["organization"] == str(organization_id)


def test_pressed_twice_it_is_retried_once(operator: Client) -> None:
    job = dead()
    operator.post(f"/operator/jobs/{job.id}/retry")
    again = operator.post(f"/operator/jobs/{job.id}/retry", follow=True)
    assert b"it has changed" in again.content
    assert len(events(PLATFORM_ID)) == 1


@pytest.mark.parametrize("verb", ["retry", "discard"])
def test_a_verb_is_not_done_by_a_link_nor_from_elsewhere(verb: str) -> None:
    job = dead()
    desk = desk_of(make_operator())
    assert desk.get(f"/operator/jobs/{job.id}/{verb}").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = desk.cookies
    assert strict.post(f"/operator/jobs/{job.id}/{verb}").status_code == 403
    assert read(job).state == "DEAD"
