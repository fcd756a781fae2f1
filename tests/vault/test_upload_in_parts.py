"""Beginning, sending, completing and giving up: what an upload is to the one who makes it."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from audit import selectors as trail
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, NotFound, PreconditionFailed, Problem
from jobs.models import Job
from tests.factories import Place, make_member, make_place, run_jobs
from tests.operators import as_owner
from tests.vault.limited import member
from tests.vault.support import assert_nothing_is_left_over, get
from tests.vault.uploads import SMALL, begin, content, incoming, row, send, small_parts
from vault import actions, selectors, tasks
from vault.actions import Conditions, assemble, uploads
from vault.actions.assemble import PartsDamaged, PartsMissing
from vault.actions.put import NameTaken, ObjectTooLarge, WrongDigest
from vault.actions.uploads import TooManyUploads, UploadEnded, part_size
from vault.models import ObjectVersion, Upload
from vault.store import MissingBytes

__all__ = ["small_parts"]

pytestmark = pytest.mark.usefixtures("small_parts")
MIB = 1024 * 1024


@pytest.fixture
def by_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has bytes is put together by a job."""
    monkeypatch.setattr(assemble, "AT_ONCE", 0)


def versions(place: Place) -> list[int]:
    with tenant(place.id):
        return list(ObjectVersion.objects.order_by("number").values_list("number", flat=True))


@pytest.mark.parametrize("size", [0, 1, SMALL, 3 * SMALL + 17])
def test_what_was_sent_in_parts_becomes_one_version_with_a_receipt(committed_place: Place, size: int) -> None:
    actor, data = committed_place.actor(), content(size)
    upload = begin(actor, data, content_type="text/plain")
    send(actor, upload, data)
    done = actions.complete_upload(actor=actor, upload_id=upload.id)
    assert done.state == "DONE"
    assert done.version.number == 1
    assert (done.version.path, done.version.size, done.version.content_type) == ("claims/a", size, "text/plain")
    assert done.version.sha256 == hashlib.sha256(data).hexdigest()
    assert get(actor, "claims/a") == data
    with tenant(committed_place.id):
        event = trail.get_event_at(actor, done.event_index or 0)
    assert (event.id, event.tag, event.actor_id) == (done.event_id, "object:created", actor.id)
    assert incoming(committed_place) == []
    assert_nothing_is_left_over(committed_place)


def test_parts_come_in_any_order_and_missing_ones_are_told(committed_place: Place) -> None:
    actor, data = committed_place.actor(), content(3 * SMALL)
    upload = begin(actor, data)
    assert actions.look_at_upload(actor=actor, upload_id=upload.id).parts == ()
    send(actor, upload, data, [3, 1])
    assert actions.look_at_upload(actor=actor, upload_id=upload.id).parts == (1, 3)
    with pytest.raises(PartsMissing, match="Parts 2 have not arrived"):
        actions.complete_upload(actor=actor, upload_id=upload.id)
    assert versions(committed_place) == []
    send(actor, upload, data, [2])
    actions.complete_upload(actor=actor, upload_id=upload.id)
    assert get(actor, "claims/a") == data


def test_completing_again_says_the_same_and_stores_nothing_more(committed_place: Place) -> None:
    actor, data = committed_place.actor(), content(SMALL)
    upload = begin(actor, data, conditions=Conditions(none_match=frozenset({"*"})))
    send(actor, upload, data)
    first = actions.complete_upload(actor=actor, upload_id=upload.id)
    again = actions.complete_upload(actor=actor, upload_id=upload.id)
    assert (first.version_id, first.event_id) == (again.version_id, again.event_id)
    assert versions(committed_place) == [1]


@pytest.mark.usefixtures("by_job")
def test_a_large_one_is_put_together_by_a_job_in_its_makers_name(committed_place: Place) -> None:
    actor, data = committed_place.actor(), content(2 * SMALL)
    upload = begin(actor, data)
    send(actor, upload, data)
    assert actions.complete_upload(actor=actor, upload_id=upload.id).state == "ASSEMBLING"
    assert actions.complete_upload(actor=actor, upload_id=upload.id).state == "ASSEMBLING"
    run_jobs()
    done = actions.complete_upload(actor=actor, upload_id=upload.id)
    assert done.state == "DONE"
    assert get(actor, "claims/a") == data
    with tenant(committed_place.id):
        event = trail.get_event_at(actor, done.event_index or 0)
    assert (event.actor_id, event.ip, event.request_id) == (actor.id, actor.origin.ip, actor.origin.request_id)
    assert versions(committed_place) == [1]
    assert incoming(committed_place) == []


def test_a_wrong_hash_stores_nothing_and_the_right_parts_may_be_sent_again(committed_place: Place) -> None:
    actor, data = committed_place.actor(), content(2 * SMALL)
    upload = begin(actor, data, sha256=hashlib.sha256(data).hexdigest())
    send(actor, upload, bytes(2 * SMALL))
    with pytest.raises(WrongDigest):
        actions.complete_upload(actor=actor, upload_id=upload.id)
    assert versions(committed_place) == []
    send(actor, upload, data)
    assert actions.complete_upload(actor=actor, upload_id=upload.id).state == "DONE"


@pytest.mark.usefixtures("by_job")
def test_what_a_job_may_not_store_is_given_up_with_its_reason(committed_place: Place) -> None:
    actor, data = committed_place.actor(), content(SMALL)
    upload = begin(actor, data, conditions=Conditions(none_match=frozenset({"*"})))
    send(actor, upload, data)
    actions.complete_upload(actor=actor, upload_id=upload.id)
    actions.put_object(actor=actor, path="claims/a", chunks=[b"first"])
    run_jobs()
    ended = row(committed_place, upload)
    assert (ended.state, ended.refusal) == ("GIVEN_UP", "precondition-failed")
    assert "something at this path" in (ended.refusal_detail or "")
    with pytest.raises(UploadEnded, match="something at this path"):
        actions.complete_upload(actor=actor, upload_id=upload.id)
    assert incoming(committed_place) == []
    assert get(actor, "claims/a") == b"first"


def test_preconditions_are_met_at_the_end_too(committed_place: Place) -> None:
    actor, data = committed_place.actor(), content(SMALL)
    upload = begin(actor, data, conditions=Conditions(none_match=frozenset({"*"})))
    send(actor, upload, data)
    actions.put_object(actor=actor, path="claims/a", chunks=[b"first"])
    with pytest.raises(PreconditionFailed):
        actions.complete_upload(actor=actor, upload_id=upload.id)
    with pytest.raises(PreconditionFailed):
        begin(actor, data, conditions=Conditions(none_match=frozenset({"*"})))


@pytest.mark.parametrize("missing", [True, False])
def test_parts_that_are_gone_or_altered_are_told_and_store_nothing(committed_place: Place, missing: bool) -> None:
    actor, data = committed_place.actor(), content(SMALL)
    upload = begin(actor, data)
    send(actor, upload, data)
    (file,) = incoming(committed_place)
    if missing:
        file.unlink()
    else:
        file.write_bytes(bytes(file.stat().st_size))
    with pytest.raises(PartsMissing if missing else PartsDamaged):
        actions.complete_upload(actor=actor, upload_id=upload.id)
    assert versions(committed_place) == []


def test_giving_up_ends_it_and_a_job_removes_what_arrived(committed_place: Place) -> None:
    actor, data = committed_place.actor(), content(2 * SMALL)
    upload = begin(actor, data)
    send(actor, upload, data)
    actions.give_up_upload(actor=actor, upload_id=upload.id)
    run_jobs()
    assert incoming(committed_place) == []
    for step in (actions.complete_upload, actions.give_up_upload):
        with pytest.raises(UploadEnded):
            step(actor=actor, upload_id=upload.id)
    with pytest.raises(UploadEnded):
        actions.address_parts(actor=actor, upload_id=upload.id, parts=[1])


def test_after_its_time_an_upload_takes_nothing_and_the_sweep_leaves_neither_row_nor_bytes(
    committed_place: Place,
) -> None:
    actor, data = committed_place.actor(), content(2 * SMALL)
    left, done, stuck = (begin(actor, data, path) for path in ("left", "done", "stuck"))
    for upload in (left, done, stuck):
        send(actor, upload, data)
    actions.complete_upload(actor=actor, upload_id=done.id)
    expire(committed_place, timedelta(seconds=1))
    with tenant(committed_place.id):
        Upload.objects.filter(pk=stuck.pk).update(state="ASSEMBLING")
    for step in (actions.complete_upload, lambda **more: actions.address_parts(parts=[1], **more)):
        with pytest.raises(UploadEnded):
            step(actor=actor, upload_id=left.id)
    tasks.sweep()
    run_jobs()
    with tenant(committed_place.id):
        assert [upload.path for upload in Upload.objects.all()] == ["stuck"]  # its job has a day more
    assert len(incoming(committed_place)) == 2
    expire(committed_place, timedelta(days=1, seconds=1))
    tasks.sweep()
    run_jobs()
    with tenant(committed_place.id):
        assert not Upload.objects.exists()
    assert incoming(committed_place) == []
    assert get(actor, "done") == data


def expire(place: Place, ago: timedelta) -> None:
    """As the owner of the tables: the running role cannot make an upload live longer, nor shorter."""
    with as_owner(), tenant(place.id):
        Upload.objects.update(expires_at=now() - ago)


def test_the_sweep_has_nothing_to_do_where_nothing_ended(committed_place: Place) -> None:
    actor, data = committed_place.actor(), content(SMALL)
    upload = begin(actor, data)
    send(actor, upload, data)
    tasks.sweep()
    with tenant(committed_place.id):
        assert not Job.objects.filter(kind="vault.end_uploads").exists()


@pytest.mark.parametrize(
    ("path", "size", "refusal"),
    [
        ("../a", 1, Invalid),
        ("claims/.env", 1, Problem),
        ("folder", 1, NameTaken),
        ("folder/file/below", 1, NameTaken),
        ("large", settings.MAX_OBJECT_SIZE + 1, ObjectTooLarge),
    ],
)
def test_what_could_never_be_stored_is_not_begun(
    committed_place: Place, path: str, size: int, refusal: type[Problem]
) -> None:
    actor = committed_place.actor()
    actions.put_object(actor=actor, path="folder/file", chunks=[b"x"])
    with pytest.raises(refusal):
        actions.begin_upload(actor=actor, path=path, size=size)


def test_nobody_has_more_under_way_than_the_limit(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_OPEN", 2)
    actor = place.actor()
    for path in ("a", "b"):
        begin(actor, b"x", path)
    with pytest.raises(TooManyUploads):
        begin(actor, b"x", "c")
    begin(place.actor(Role.ADMIN, make_member(place, Role.ADMIN)), b"x", "c")  # who is somebody else


def test_an_upload_is_its_makers_alone(committed_place: Place) -> None:
    actor, data = committed_place.actor(), content(SMALL)
    upload = begin(actor, data)
    colleague = member(committed_place, Role.ADMIN).actor
    elsewhere, stranger = actor.at(committed_place.test_id), make_place().actor()
    steps: list[Any] = [
        actions.look_at_upload,
        actions.complete_upload,
        actions.give_up_upload,
        lambda **more: actions.address_parts(parts=[1], **more),
    ]
    for other in (colleague, elsewhere, stranger):
        for step in steps:
            with pytest.raises(NotFound):
                step(actor=other, upload_id=upload.id)
        with tenant(other.organization_id):
            assert selectors.list_uploads(other) == []
    with tenant(committed_place.id):
        assert [found.id for found in selectors.list_uploads(actor, path="claims/a")] == [upload.id]


def test_who_lost_the_right_can_do_no_step_more(committed_place: Place) -> None:
    developer, data = member(committed_place), content(2 * SMALL)
    upload = begin(developer.actor, data)
    send(developer.actor, upload, data, [1])
    (signed,) = actions.address_parts(actor=developer.actor, upload_id=upload.id, parts=[2])
    with tenant(committed_place.id):
        type(developer.membership).objects.filter(pk=developer.membership.pk).update(role=Role.AUDITOR)
    steps: list[Any] = [
        actions.look_at_upload,
        actions.complete_upload,
        actions.give_up_upload,
        lambda **more: actions.address_parts(parts=[2], **more),
    ]
    for step in steps:
        with pytest.raises(Denied):
            step(actor=developer.actor, upload_id=upload.id)
    with pytest.raises(Denied):
        actions.open_part(token=signed.address.url.rpartition("/")[2], origin=developer.actor.origin)


@pytest.mark.usefixtures("by_job")
@pytest.mark.parametrize("how", ["leaves", "loses the role", "has an address that is not let in"])
def test_who_lost_the_right_while_a_job_has_the_parts_stores_nothing(committed_place: Place, how: str) -> None:
    developer, data = member(committed_place), content(SMALL)
    upload = begin(developer.actor, data)
    send(developer.actor, upload, data)
    actions.complete_upload(actor=developer.actor, upload_id=upload.id)
    if how == "leaves":
        developer.leave()
    elif how == "loses the role":
        with tenant(committed_place.id):
            type(developer.membership).objects.filter(pk=developer.membership.pk).update(role=Role.AUDITOR)
    else:
        place = type(committed_place.organization).objects.filter(pk=committed_place.id)
        with tenant(committed_place.id):
            assert place.update(email_domains=["elsewhere.example"])
    run_jobs()
    ended = row(committed_place, upload)
    assert (ended.state, ended.parts_kept) == ("GIVEN_UP", False)
    assert versions(committed_place) == []
    assert incoming(committed_place) == []


@pytest.mark.usefixtures("by_job")
def test_what_fails_again_and_again_is_given_up_at_last(
    committed_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor, data = committed_place.actor(), content(SMALL)
    upload = begin(actor, data)
    send(actor, upload, data)
    actions.complete_upload(actor=actor, upload_id=upload.id)
    (file,) = incoming(committed_place)
    file.rename(file.with_name("aside"))
    file.mkdir()  # reading it is an error of the system's
    for _ in range(assemble.ATTEMPTS):
        with tenant(committed_place.id):
            Job.objects.filter(kind="vault.assemble", state="QUEUED").update(run_at=now())
        run_jobs()
    ended = row(committed_place, upload)
    assert (ended.state, ended.refusal) == ("GIVEN_UP", "not-put-together")


def test_parts_are_few_enough_for_every_store_and_small_where_they_can_be() -> None:
    assert part_size(0) == part_size(1) == part_size(8 * MIB * 10_000) == 8 * MIB
    for size in (8 * MIB * 10_000 + 1, settings.MAX_OBJECT_SIZE):
        assert -(-size // part_size(size)) <= 10_000
        assert part_size(size) % MIB == 0


def test_missing_bytes_are_no_reason_to_try_a_job_again() -> None:
    """They are a fault of the store elsewhere; here they are parts that nobody sent."""
    assert MissingBytes.status >= 500 > PartsMissing.status
