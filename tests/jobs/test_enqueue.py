"""Putting work in."""

import contextlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from hq.db.context import current_tenant, tenant
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from hq.lib.ids import new_id
from jobs import actions
from jobs.actions import NotSmall
from jobs.models import Job
from jobs.registry import UnknownKind, handles
from tests.jobs.support import put, read

pytestmark = pytest.mark.django_db


def test_it_waits_with_what_it_was_given() -> None:
    thing, environment = new_id(), new_id()
    job = read(put("test.once", payload={"thing": thing, "count": 3}, environment_id=environment))
    assert (job.state, job.attempts, job.max_attempts) == ("QUEUED", 0, 5)
    assert job.payload == {"thing": str(thing), "count": 3}
    assert job.environment_id == environment


def test_the_same_key_gives_the_unfinished_job() -> None:
    organization_id = new_id()
    first = put("test.once", organization_id, key="k:1")
    assert put("test.once", organization_id, key="k:1").id == first.id
    assert put("test.once", organization_id, key="k:2").id != first.id
    assert put("test.returns", organization_id, key="k:1").id != first.id
    assert put("test.once", key="k:1").id != first.id


def test_without_a_key_each_is_its_own() -> None:
    organization_id = new_id()
    assert put("test.once", organization_id).id != put("test.once", organization_id).id


def test_the_same_key_is_free_again_when_the_job_is_done() -> None:
    organization_id = new_id()
    first = put("test.once", organization_id, key="k")
    assert actions.run_one("w")
    assert put("test.once", organization_id, key="k").id != first.id


def test_a_running_job_keeps_its_key() -> None:
    organization_id = new_id()
    first = put("test.once", organization_id, key="k")
    assert actions._claim("w", timedelta(seconds=9))
    assert put("test.once", organization_id, key="k").id == first.id


def test_it_is_gone_when_the_callers_transaction_is() -> None:
    organization_id = new_id()
    with contextlib.suppress(ZeroDivisionError), tenant(organization_id):
        put("test.once", organization_id)
        _ = 1 / 0
    with tenant(organization_id):
        assert not Job.objects.exists()


def test_it_leaves_the_callers_organization_as_it_was() -> None:
    ours = new_id()
    with tenant(ours):
        put("test.once", PLATFORM_ID)
        assert current_tenant() == ours


@pytest.mark.parametrize(
    "payload",
    [
        {"text": "x" * 201},
        {"list": ["x" * 201]},
        {"nested": {"a": 1}},
        {"ids": [str(UUID(int=n)) for n in range(200)]},
        {"bytes": b"raw"},
    ],
)
def test_content_is_no_payload(payload: dict[str, object]) -> None:
    with pytest.raises(NotSmall):
        put("test.once", payload=payload)


def test_a_kind_that_nobody_handles_is_refused() -> None:
    with pytest.raises(UnknownKind):
        put("test.unheard_of")


def test_two_functions_cannot_handle_one_kind() -> None:
    with pytest.raises(RuntimeError):
        handles("test.once")(lambda job: None)


def test_it_is_not_claimed_before_its_time() -> None:
    put("test.once", run_at=now() + timedelta(minutes=1))
    assert not actions.run_one("w")


def test_it_rings_once_for_a_transaction_and_only_if_that_commits(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(actions._bell, "ring", rung.append)
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        put("test.once")
        put("test.once")
        put("test.once")
    with django_capture_on_commit_callbacks(execute=True), contextlib.suppress(ZeroDivisionError), transaction.atomic():
        put("test.once")
        _ = 1 / 0
    assert rung == [""]
