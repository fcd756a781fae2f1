"""Workers killed between the last signature and the sealed PDF: one sealed document, its chain whole, nothing else."""

import os
import random
import sys
from collections.abc import Iterator
from datetime import timedelta
from time import monotonic

import orjson
import pytest

from audit.models import AuditEvent
from hq.crypto import chain
from hq.db.context import tenant
from hq.lib.clock import now
from signing.actions.chain import genesis
from signing.models import Agreement, Paper
from tests.crashing import Crasher, is_killed, running
from tests.factories import make_place, run_jobs
from tests.keys.test_kill_rotation import find_dead
from tests.signing import support
from vault.models import Blob
from vault.tasks import sweep

pytestmark = pytest.mark.django_db(transaction=True)
# By hand HQ_KILLS=200, for as many as agreements promise to survive.
SEED, TIMES = 20261122, int(os.environ.get("HQ_KILLS", "12"))


@pytest.fixture
def crasher(transactional_db: None) -> Iterator[Crasher]:
    with running("tests.timed_crasher", "signing.actions.sealing") as child:
        yield child


def require_chain(agreement: Agreement) -> None:
    """Every link made again from the steps' documents."""
    head = genesis(agreement.id)
    steps = support.steps(agreement)
    for index, step in enumerate(steps, 1):
        assert (step.index, orjson.loads(step.document)["index"], bytes(step.previous)) == (index, index, head)
        head = chain.link(head, step.document.encode())
        assert bytes(step.hash) == head
    assert (bytes(agreement.head), agreement.length) == (head, len(steps))


def test_killed_at_any_time_there_is_one_sealed_document(crasher: Crasher) -> None:
    place, chance, killed = make_place(), random.Random(SEED), 0
    agreements, span = [support.sign_all(support.sent(place))], 60.0
    is_killed(crasher, f"{span:.4f}")
    tries = 0
    while killed < TIMES:
        tries += 1
        if support.fresh(agreements[-1]).state == "sealed":
            agreements.append(support.sign_all(support.sent(place, pdf=support.pdf_of() if tries % 2 else None)))
        began = monotonic()
        # In how long one is sealed depends on what else is running here now, so it is learned while going on.
        if is_killed(crasher, f"{chance.random() * span:.4f}"):
            killed, span = killed + 1, 1.1 * span
        else:
            span = 1.1 * (monotonic() - began)
        find_dead(place)
    run_jobs()
    with tenant(place.id):
        Blob.objects.filter(state="PENDING").update(lease_until=now() - timedelta(seconds=1))
    sweep()
    run_jobs()
    if "HQ_KILLS" in os.environ:
        sys.stderr.write(f"killed {killed} times in {tries} tries, {len(agreements)} agreements\n")
    for made in agreements:
        agreement = support.fresh(made)
        assert agreement.state == "sealed"
        assert support.kinds(agreement).count("sealed") == 1
        require_chain(agreement)
        with tenant(place.id):
            (event,) = AuditEvent.objects.filter(tag="agreement:sealed", target_id=str(agreement.id))
            assert event.detail["after"]["head"] == bytes(agreement.head).hex()
            assert event.index == agreement.sealed_event
    with tenant(place.id):
        assert Paper.objects.count() == 2 * len(agreements)
        assert set(Blob.objects.values_list("id", flat=True)) == set(Paper.objects.values_list("blob_id", flat=True))
