"""Workers killed at each step of a rotation: it ends all the same, nothing is lost, and one statement is signed."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.models import Job
from keys import actions, rings
from keys.models import Cmk, DataKey, Rotation, Statement
from keys.registry import KEPT, holders
from tenants import actions as tenants
from tenants.models import Invitation
from tests.crashing import Crasher, is_killed, running
from tests.factories import Place, make_place, run_jobs
from tests.keys.rotation_crasher import POINTS
from tests.keys.support import PATIENCE, settle
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESSES = [f"invited{number}@example.com" for number in range(7)]
CONTENT = b"claim,amount\n1,250\n"
Crash = Callable[..., bool]


@pytest.fixture(scope="module")
def crasher(django_db_setup: None) -> Iterator[Crasher]:
    with running("tests.keys.rotation_crasher") as child:
        yield child


@pytest.fixture
def crash(crasher: Crasher) -> Crash:
    """Let a worker do what waits, and die at the nth passing of a point. `alive`: it may not have come that far."""

    def crash(point: str, nth: int = 1, *, alive: bool = False) -> bool:
        killed = is_killed(crasher, f"{point} {nth}")
        assert killed or alive
        return killed

    return crash


@pytest.fixture
def place() -> Place:
    """With invitations and a stored file, and a rotation asked for."""
    place = make_place()
    with tenant(place.id):
        for address in ADDRESSES:
            tenants.invite_member(actor=place.actor(), email=address, role=Role.ANALYST)
    vault.put_object(actor=place.actor(), path="claims.csv", chunks=[CONTENT])
    with tenant(place.id):
        key = Cmk.objects.get(organization_id=place.id, retired_at=None)
        actions.rotate_key(actor=place.actor(), key_id=key.id)
    return place


def find_dead(place: Place) -> None:
    """Let leases run out, and give back what the dead worker had claimed."""
    for _ in range(500):  # its transaction may live on for a moment
        with tenant(place.id):
            Job.objects.filter(state="RUNNING").update(lease_until=now() - timedelta(seconds=1))
        jobs.reap()
        with tenant(place.id):
            if not Job.objects.filter(state="RUNNING").exists():
                Job.objects.filter(state="QUEUED").update(run_at=now())
                return
    raise AssertionError("The dead worker's job does not come back.")


def assert_readable(place: Place) -> None:
    rings.forget()
    with tenant(place.id):
        assert sorted(row.email for row in Invitation.objects.all()) == ADDRESSES
        assert all(row.invited_by_label == place.owner.label for row in Invitation.objects.all())
    assert b"".join(vault.open_object(actor=place.actor(), path="claims.csv").read()) == CONTENT


def assert_rotated_once(place: Place, rotation: Rotation) -> None:
    assert (rotation.state, rotation.from_version, rotation.to_version) == (Rotation.State.DONE, 1, 2)
    with tenant(place.id):
        rows = DataKey.objects.filter(organization_id=place.id)
        assert set(rows.values_list("cmk_version", flat=True)) == {2}
        current = {row.purpose: row.version for row in rows.filter(retired_at=None)}
        assert all(
            holder.left(place.id, current[holder.purpose]) == 0
            for holder in holders(place.id)
            if holder.purpose not in KEPT and holder.purpose in current
        )
        assert set(current.values()) <= {1, 2}
        assert [row.id for row in Statement.objects.filter(organization_id=place.id)] == [rotation.statement_id]
        tags = AuditEvent.objects.filter(tag__startswith="key:").order_by("index").values_list("tag", flat=True)
        assert list(tags) == ["key:rotation_requested", "key:rotated", "key:reencrypted"]


def end(place: Place) -> None:
    run_jobs()
    assert_rotated_once(place, settle(place.id))
    assert_readable(place)


@pytest.mark.parametrize("point", [point for point in POINTS if not point.startswith("end")])
def test_killed_at_any_point_it_goes_on_from_there(place: Place, crash: Crash, point: str) -> None:
    crash(point)
    assert_readable(place)
    find_dead(place)
    end(place)


@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("end")])
def test_killed_at_its_end_it_signs_once(place: Place, crash: Crash, point: str) -> None:
    run_jobs()
    with tenant(place.id):
        Rotation.objects.update(made_at=now() - timedelta(seconds=rings.SECONDS + 60))
    give_up_at = time.monotonic() + PATIENCE
    while not crash(point, alive=True):  # the end waits for transactions that had begun, other tests' too
        assert time.monotonic() < give_up_at
        find_dead(place)
    find_dead(place)
    assert_readable(place)
    end(place)


def test_killed_again_and_again_it_ends(place: Place, crash: Crash) -> None:
    for point in ("version: the provider made it", "version: committed", "rows: locked", "rows: a part is sent"):
        crash(point)
        find_dead(place)
    for _ in range(3):
        crash("rows: committed, not yet counted")
        find_dead(place)
        assert_readable(place)
    end(place)
