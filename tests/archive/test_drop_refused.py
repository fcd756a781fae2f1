"""A month's rows stay unless the archive still has, today, what was read back from it then."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from archive.actions import retention as dropping
from archive.actions.kept import require_kept
from archive.actions.retention import LEAST, LIVE, TEST, KeptStill, drop_month
from archive.buckets import ArchiveFault
from archive.models import Month
from audit import months
from audit.actions import verify_chain
from audit.models import AuditEvent
from audit.tags import Log
from hq.db.context import tenant
from retention.actions.holds import place_hold
from retention.actions.periods import change_period
from tests.archive import support
from tests.archive.test_drop_month import LATER, archive, owner
from tests.database import as_superuser
from tests.factories import Place

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(archived_place: Place) -> Place:
    """Archived and read back, and kept by nobody for longer than a year."""
    place = archived_place
    support.act(place, 5)
    with tenant(place.id):
        for name in (LIVE, TEST):
            change_period(actor=place.actor(), name=name, days=LEAST)
    archive(place)
    return place


@pytest.fixture
def month() -> months.Month:
    return months.list_months()[0]


def in_two_years(month: months.Month) -> datetime:
    """The archive's own life is not over then."""
    return datetime(month.year + 2, month.number, 1, tzinfo=UTC)


def drop(month: months.Month, at: datetime | None = None) -> int:
    with support.at(at or in_two_years(month)), owner():
        return drop_month(datetime(month.year, month.number, 1, tzinfo=UTC).date())


def file_of(pattern: str) -> Path:
    return support.folder() / support.files(pattern)[0]


def rewrite(pattern: str, content: Callable[[bytes], bytes]) -> None:
    path = file_of(pattern)
    changed = content(path.read_bytes())
    path.chmod(0o600)
    path.write_bytes(changed)


TAMPERED: dict[str, Callable[[], object]] = {
    "a byte of a file": lambda: rewrite("audit/admin/**/*.gz", lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])),
    "a file that was emptied": lambda: rewrite("audit/access/**/*.gz", lambda _: b""),
    "a file that is gone": lambda: file_of("audit/access/**/*.gz").unlink(),
    "a digest": lambda: rewrite("audit/digests/**/admin/**/*.json", lambda raw: raw.replace(b"admin", b"nimda")),
    "a digest that is gone": lambda: file_of("audit/digests/**/access/**/*.json").unlink(),
    "the whole archive": lambda: support.folder().rename(support.folder().with_name("elsewhere")),
}


def stays(place: Place, month: months.Month) -> bool:
    with tenant(place.id):
        rows = AuditEvent.objects.filter(environment_id=place.live_id).count()
        return rows >= 5 and months.list_months()[0] == month and not Month.objects.exclude(dropped_at=None).exists()


@pytest.mark.parametrize("what", TAMPERED)
def test_a_month_stays_when_its_archive_is_not_what_was_read_back_and_goes_once_it_is_again(
    place: Place, month: months.Month, what: str
) -> None:
    kept = {name: (support.folder() / name).read_bytes() for name in support.files()}
    TAMPERED[what]()
    with (
        pytest.raises(CommandError, match=r"not what was written there|not where it was"),
        support.at(in_two_years(month)),
        owner(),
    ):
        call_command("drop_month", str(month))
    assert stays(place, month)
    for name, content in kept.items():
        path = support.folder() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            path.unlink()
        path.write_bytes(content)
    drop(month)
    assert not stays(place, month)
    with tenant(place.id):
        assert all(verify_chain(actor=place.actor(), log=log).ok for log in Log)


def test_what_the_archives_own_life_has_ended_keeps_nothing_but_what_was_changed_does(
    place: Place, month: months.Month
) -> None:
    rewrite("audit/admin/**/*.gz", lambda raw: raw + b"x")
    with pytest.raises(ArchiveFault):
        drop(month, LATER)
    for name in support.files():
        (support.folder() / name).unlink()
    drop(month, LATER)
    assert months.list_months()[0] == month.next


def test_a_hold_that_comes_while_the_archive_is_looked_at_keeps_the_month(
    place: Place, month: months.Month, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(held: list[months.Held]) -> None:
        require_kept(held)
        with tenant(place.id):
            place_hold(actor=place.actor(), name="Case 8", reason="A claim")

    monkeypatch.setattr(dropping, "require_kept", meanwhile)
    with pytest.raises(KeptStill, match="still kept by 1"):
        drop(month)
    assert stays(place, month)


def test_a_month_whose_files_do_not_hold_all_of_its_rows_stays(place: Place, month: months.Month) -> None:
    """Somebody who wrote the progress by hand archived nothing."""
    with as_superuser() as database:
        database.execute("UPDATE archive_file SET last = last - 1 WHERE log = 'admin'")
    with pytest.raises(ArchiveFault):
        drop(month)
    assert stays(place, month)


def test_a_year_is_counted_from_the_end_of_the_month(place: Place, month: months.Month) -> None:
    ends = datetime(month.next.year + 1, month.next.number, 1, tzinfo=UTC)
    before = datetime(month.year + 1, month.number, 28, 23, 59, tzinfo=UTC)
    with pytest.raises(KeptStill, match="not a year old"):
        drop(month, before)
    assert stays(place, month)
    drop(month, ends.replace(day=2))
    assert not stays(place, month)
