"""Workers killed at random points of sequencing: nothing is lost, nothing stands twice, every tree is over its log."""

import os
import random
import signal
from collections.abc import Iterator

import pytest

from audit import actions, recorder
from audit.recorder import Target
from audit.tags import Log, Tag
from hq.db.context import tenant
from tests.audit.support import request, whole
from tests.crashing import Crasher, running
from tests.factories import Place, make_place

pytestmark = pytest.mark.django_db(transaction=True)
# By hand HQ_KILLS=200, for as many as the trail promises to survive.
SEED, KILLS = 20261122, int(os.environ.get("HQ_KILLS", "20"))
STATEMENTS = 40  # about as many as it takes to sequence what each round adds


@pytest.fixture
def crasher(transactional_db: None) -> Iterator[Crasher]:
    with running("tests.audit.sequence_crasher") as child:
        yield child


def add(place: Place, first: int, lines: int) -> None:
    for number in range(first, first + lines):
        request(place, number)
    with tenant(place.id):
        for _ in range(5):
            recorder.record(place.actor(), Tag.SHARE_CREATED, target=Target("share", place.id))


def test_it_ends_as_if_nobody_had_been_killed(crasher: Crasher) -> None:
    assert crasher.stdin
    assert crasher.stdout
    place, dice, killed, lines = make_place(), random.Random(SEED), 0, 0
    for _ in range(KILLS):
        add(place, lines, 20)
        lines += 20
        crasher.stdin.write(
            f"{place.id} {place.live_id} {dice.choice(['before', 'after'])} {dice.randint(1, STATEMENTS)}\n"
        )
        crasher.stdin.flush()
        killed += int(crasher.stdout.readline()) == -signal.SIGKILL
        assert whole(place) == list(range(len(whole(place))))  # whatever has its place is whole by itself
    assert killed > KILLS * 0.7
    actions.grow(place.id, place.live_id)
    assert whole(place) == list(range(lines))
    assert len(whole(place, Log.ADMIN)) == 2 + 5 * KILLS
