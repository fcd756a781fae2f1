"""Reading a month back: only what is in the archive, and fits the tree in the database, counts as archived."""

import gzip
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from archive import selectors
from archive.actions import plan
from archive.actions.readback import next_month
from archive.models import Month
from audit.tags import Log
from hq.crypto import chain
from hq.db.context import tenant
from hq.lib.canonical import canonical
from hq.lib.clock import now
from jobs import actions as jobs
from tests.archive import support
from tests.database import as_superuser
from tests.factories import Place

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(archived_place: Place) -> Place:
    """With a log that is archived whole."""
    support.act(archived_place, 5)
    support.grow(archived_place)
    support.write(archived_place)
    return archived_place


def verify(place: Place, log: Log = Log.ADMIN) -> None:
    month = now().date().replace(day=1)
    jobs.enqueue(
        "archive.verify",
        organization_id=place.id,
        payload={"environment_id": str(place.live_id), "log": str(log), "month": str(month)},
        key="again",
    )
    support.due_now(place)
    support.work()


def months(place: Place) -> list[Month]:
    with tenant(place.id):
        return list(selectors.months_of(place.id, place.live_id))


@pytest.mark.parametrize("log", Log)
def test_a_month_that_fits_is_verified_and_how_far_is_written_down(place: Place, log: Log) -> None:
    verify(place, log)
    (month,) = months(place)
    row = support.progress(place, log)
    assert (month.first, month.last, month.log) == (1, row.archived, log)
    assert (row.verified, row.failing_since) == (row.archived, None)


def test_what_came_late_to_a_month_that_was_read_back_is_read_back_too(place: Place) -> None:
    """Requests of its last evening that got their places after midnight: the log would end there for ever."""
    verify(place)
    (before,) = months(place)
    support.act(place, 2)
    support.grow(place)
    support.write(place)
    verify(place)
    (month,) = months(place)
    row = support.progress(place)
    assert (month.first, month.last, row.verified) == (1, row.archived, row.archived)
    assert (month.last > before.last, month.size > before.size) == (True, True)


@pytest.mark.parametrize("first", [1, 4])
def test_entries_that_stand_in_no_file_are_not_read_back_with_those_behind_them(
    archived_place: Place, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.setattr(plan, "MOST_ENTRIES", 3)
    support.act(archived_place, 8)
    support.grow(archived_place)
    support.write(archived_place)
    with as_superuser() as database:
        database.execute("DELETE FROM archive_file WHERE log = 'admin' AND first = %s", [first])
    verify(archived_place)
    assert months(archived_place) == []
    row = support.progress(archived_place)
    assert (row.verified, row.failure) == (0, "DoesNotFit")


def only_file() -> Path:
    (name,) = support.files("audit/admin/**/*.gz")
    path = support.folder() / name
    path.chmod(0o600)
    return path


def rewritten(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Path], None]:
    """Change the lines, and make all that HQ keeps of the file fit: only the tree knows better."""

    def damage(path: Path) -> None:
        lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        change(lines)
        plain = b"".join(
            json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
            for line in lines
        )
        path.write_bytes(gzip.compress(plain, mtime=0))
        with as_superuser() as database:
            database.execute("UPDATE archive_file SET file_hash = sha256(%s) WHERE log = 'admin'", [path.read_bytes()])

    return damage


DAMAGES: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "a byte": lambda path: path.write_bytes(bytes([*(found := path.read_bytes())[:-9], found[-9] ^ 1, *found[-8:]])),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "another text": rewritten(lambda lines: lines[2]["document"].update(ip="198.51.100.9")),
    "swapped": rewritten(lambda lines: lines.insert(2, lines.pop(3))),
    "left out": rewritten(lambda lines: lines.pop(2)),
    "tail cut off": rewritten(lambda lines: lines.pop()),
    "one more": rewritten(lambda lines: lines.append(lines[-1])),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_does_not_fit_is_never_called_verified(place: Place, damage: str) -> None:
    DAMAGES[damage](only_file())
    verify(place)
    assert months(place) == []
    row = support.progress(place)
    assert (row.verified, row.failure) == (0, "DoesNotFit")
    assert row.failing_since is not None


def test_a_chain_that_was_hashed_again_does_not_fit_the_tree(place: Place) -> None:
    def rehash(lines: list[dict[str, Any]]) -> None:
        lines[1]["document"]["tag"] = "share:revoked"
        previous = bytes.fromhex(lines[0]["hash"])
        for line in lines[1:]:
            line["previous"] = previous.hex()
            previous = chain.link(previous, canonical(line["document"]))
            line["hash"] = previous.hex()

    rewritten(rehash)(only_file())
    verify(place)
    assert months(place) == []


def test_a_digest_that_was_changed_or_removed_is_found_too(place: Place) -> None:
    (name,) = support.files(f"audit/digests/{place.live_id}/admin/**/*")
    (support.folder() / name).unlink()
    verify(place)
    assert months(place) == []


def test_the_sweep_reads_a_month_back_once_it_is_over_and_everything_of_it_was_looked_for(place: Place) -> None:
    current = now().date().replace(day=1)
    assert selectors.find_unverified_months(current) == []
    assert selectors.find_unverified_months(next_month(current)) == []  # looked at before the month ended
    with as_superuser() as database:
        database.execute("UPDATE archive_progress SET looked_at = %s", [next_month(current)])
    found = selectors.find_unverified_months(next_month(current))
    assert {(due.log, due.month) for due in found} == {(Log.ADMIN, current), (Log.ACCESS, current)}
    verify(place)
    assert [due.log for due in selectors.find_unverified_months(next_month(current))] == [Log.ACCESS]


@pytest.mark.parametrize(
    ("day", "after"), [(date(2026, 12, 31), date(2027, 1, 1)), (date(2027, 1, 1), date(2027, 2, 1))]
)
def test_the_month_after(day: date, after: date) -> None:
    assert next_month(day) == after
