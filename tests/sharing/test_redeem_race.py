"""One link, many hands at once, and hands that are cut off in the middle. Real connections, real processes."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from audit.models import AuditEvent
from audit.verify import walk
from hq.db.context import tenant
from sharing import actions
from sharing.actions import redemption
from sharing.actions.redemption import LinkCannotBeOpened
from sharing.models import ShareLink, ShareSession
from tests.sharing.conftest import RECIPIENT, count_sessions, kinds_of, link_of, share

pytestmark = pytest.mark.django_db(transaction=True)
HANDS = 100
ENOUGH = 40  # open connections at once; the others wait their turn, which is a race too


def together(work: Callable[[], str], hands: int = HANDS) -> Counter[str]:
    """Do it in many threads at the same moment; how often it ended in which way."""
    start, places = threading.Barrier(hands), threading.BoundedSemaphore(ENOUGH)

    def one(_: int) -> str:
        start.wait()
        with places:
            try:
                return work()
            finally:
                connections.close_all()

    with ThreadPoolExecutor(hands) as pool:
        return Counter(pool.map(one, range(hands)))


def try_once(token: str) -> str:
    try:
        actions.redeem_share(token=token, origin=RECIPIENT)
    except LinkCannotBeOpened:
        return "refused"
    return "opened"


def test_of_100_at_once_exactly_one_opens_it(place):
    made = share(place)
    assert together(lambda: try_once(made.token)) == {"opened": 1, "refused": HANDS - 1}
    assert count_sessions(made) == 1
    assert Counter(kinds_of(made)) == {"opened": 1, "spent": HANDS - 1}
    with tenant(place.id):
        assert AuditEvent.objects.filter(tag="share:opened").count() == 1
        assert walk(place.id, place.live_id).ok


def test_reading_first_and_writing_then_would_be_found(place):
    """The mutant of the one statement: it lets several in, so the test above can fail."""

    def read_then_write(link, nonce_digest, at, ip):
        current = ShareLink.objects.get(pk=link.pk)
        if current.opened_at or current.revoked_at or bytes(current.nonce_digest) != nonce_digest:
            return False
        return ShareLink.objects.filter(pk=link.pk).update(opened_at=at, opened_ip=ip) == 1

    def winners(consume) -> int:
        link = share(place).link

        def try_it() -> str:
            with tenant(place.id):
                return str(consume(link, bytes(link.nonce_digest), link.created_at, None))

        return together(try_it, ENOUGH)["True"]

    assert max(winners(read_then_write) for _ in range(5)) > 1
    assert [winners(redemption.consume) for _ in range(5)] == [1] * 5


def test_even_then_the_database_would_not_keep_two_sessions(place, monkeypatch):
    monkeypatch.setattr(redemption, "consume", lambda *_: True)
    made = share(place)
    actions.redeem_share(token=made.token, origin=RECIPIENT)
    with pytest.raises(Exception, match="sharing_one_session_a_link"):
        actions.redeem_share(token=made.token, origin=RECIPIENT)
    assert count_sessions(made) == 1


def test_revoking_and_opening_at_once_leave_nobody_with_access(place):
    """Whoever comes first: after a revocation that succeeded, no session works."""
    for _ in range(5):
        made = share(place)
        opened: list[str] = []

        def open_it(made=made, opened=opened) -> str:
            try:
                opened.append(actions.redeem_share(token=made.token, origin=RECIPIENT).session_token)
            except LinkCannotBeOpened:
                return "refused"
            return "opened"

        def revoke(made=made) -> str:
            with tenant(place.id):
                actions.revoke_share(actor=place.actor(), share_id=made.link.id)
            return "revoked"

        turns = iter([revoke, *[open_it] * 9])
        lock = threading.Lock()

        def next_turn(turns=turns, lock=lock) -> str:
            with lock:
                turn = next(turns)
            return str(turn())

        ended = together(next_turn, 10)
        assert ended["revoked"] == 1
        assert ended["opened"] <= 1
        for token in opened:
            with pytest.raises(actions.sessions.SessionEnded):
                actions.open_session(session_token=token, origin=RECIPIENT)


# Redeems the token of its first argument, and dies without any clean-up at the step that the second one names.
DYING = """
import os, signal, sys
import django
django.setup()
from django.db import connection
from sharing.actions import redemption
from hq.authz.actor import Origin
token, step = sys.argv[1:]
def die(*_args, **_more):
    print("dying", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
real = {"consumed": redemption.secrets.random_token, "recorded": redemption.recorder.record}
if step == "consumed":
    redemption.secrets.random_token = die
if step == "recorded":
    def record(*args, **more):
        real["recorded"](*args, **more)
        die()
    redemption.recorder.record = record
redemption.redeem_share(token=token, origin=Origin(ip="198.51.100.7"))
if step == "committed":
    die()
"""


def run_dying(token: str, step: str) -> None:
    environment = os.environ | {
        "HQ_DATABASE_URL": _url(),
        "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
    }
    done = subprocess.run(
        [sys.executable, "-c", DYING, token, step],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout == "dying\n"


def _url() -> str:
    """The same database as this test's."""
    settings = connection.settings_dict
    base, _, query = os.environ["HQ_DATABASE_URL"].partition("?")
    return f"{base.rpartition('/')[0]}/{settings['NAME']}?{query}"


@pytest.mark.parametrize("step", ["consumed", "recorded"])
def test_a_process_killed_before_the_commit_uses_nothing_up(place, step):
    """After the UPDATE, and again after the very last statement."""
    made = share(place)
    run_dying(made.token, step)
    assert link_of(made).opened_at is None
    assert count_sessions(made) == 0
    assert kinds_of(made) == []
    assert try_once(made.token) == "opened"
    assert try_once(made.token) == "refused"
    with tenant(place.id):
        assert AuditEvent.objects.filter(tag="share:opened").count() == 1


def test_a_process_killed_after_the_commit_has_used_it_up(place):
    made = share(place)
    run_dying(made.token, "committed")
    assert try_once(made.token) == "refused"
    with tenant(place.id):
        assert ShareSession.objects.count() == 1
        assert AuditEvent.objects.filter(tag="share:opened").count() == 1
