"""Workers killed at random steps of an erasure: it ends all the same, nothing is left, and it is certified once."""

import random
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.models import Job
from keys.models import Statement
from retention import actions, selectors
from retention.models import Erasure
from tests.crashing import is_killed, running
from tests.factories import make_api_key, make_member, make_place, run_jobs
from tests.retention.support import ask, erasure_of, make_due
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)
KILLS, SEED, FILES, STEPS = 30, 20261122, 12, 60


@pytest.fixture
def crasher(django_db_setup):
    with running("tests.retention.erasure_crasher") as child:
        yield child


def find_dead(organization_id):
    """Let leases run out, and give back what the dead worker had claimed."""
    for _ in range(500):  # its transaction may live on for a moment
        with tenant(organization_id):
            Job.objects.filter(state="RUNNING").update(lease_until=now() - timedelta(seconds=1))
        jobs.reap()
        with tenant(organization_id):
            if not Job.objects.filter(state="RUNNING").exists():
                Job.objects.filter(state="QUEUED").update(run_at=now())
                return
    raise AssertionError("The dead worker's job does not come back.")


def test_killed_again_and_again_an_erasure_ends_whole_and_certified_once(crasher):
    place = make_place()
    for number in range(FILES):
        vault.put_object(actor=place.actor(), path=f"claims/{number}", chunks=[b"text"])
        make_member(place, Role.ANALYST)
    make_api_key(place)
    ask(place)
    make_due(place.id)
    actions.find_work()
    chance, kills = random.Random(SEED), 0
    while kills < KILLS and erasure_of(place.id).state != Erasure.State.ERASED:
        killed = is_killed(crasher, str(chance.randrange(1, STEPS)))
        kills += killed
        find_dead(place.id)
        if not killed:
            break
    assert kills >= KILLS // 2, "too few of them died for this to say anything"
    run_jobs()
    find_dead(place.id)
    run_jobs()
    wish = erasure_of(place.id)
    assert wish.state == Erasure.State.ERASED
    with tenant(place.id):
        assert selectors.count_rows(place.id) == []
        kind = Statement.Kind.ERASURE
        assert [row.id for row in Statement.objects.filter(kind=kind)] == [wish.statement_id]
    with tenant(PLATFORM_ID):
        assert AuditEvent.objects.filter(tag="organization:erased", target_id=str(place.id)).count() == 1
    assert [file for file in (Path(settings.DATA_DIR) / "objects").rglob("*") if place.slug in str(file)] == []
    assert wish.facts["bucket"]["objects"] == FILES
    assert wish.facts["people"] == {"erased": FILES + 1, "left": 0}
