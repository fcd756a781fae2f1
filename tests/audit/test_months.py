"""The trail by month: every month is there in time, is closed as its table is, and goes only as a whole."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from audit import actions, months, recorder, selectors, tasks
from audit.months import CannotDrop, Held, Month
from audit.tags import Log
from hq.db.context import tenant
from hq.lib import ids
from hq.lib.clock import now
from tests.audit.support import entries, request
from tests.database import as_superuser
from tests.factories import Place, make_place

pytestmark = pytest.mark.django_db(transaction=True)


def partitions() -> dict[str, list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.inhparent::regclass::text, array_agg(c.relname::text ORDER BY c.relname) FROM pg_inherits i"
            " JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind = 'r' GROUP BY 1"
        )
        return dict(cursor.fetchall())


@pytest.fixture
def owner() -> Iterator[None]:
    """What runs in here runs as the owner, as a migration does; the database is thrown away afterwards."""
    as_superuser().close()
    settings = connections["default"].settings_dict
    connection.close()
    running, settings["USER"] = settings["USER"], "hq_owner"
    yield
    connection.close()
    settings["USER"] = running


def test_ids_of_a_month_stand_between_its_bounds() -> None:
    made = ids.new_id()
    here = Month.of_id(made)
    assert here == Month.of(now())
    assert here.begins <= made < here.next.begins
    assert Month(2026, 12).next == Month(2027, 1)
    assert Month.of_id(Month(2027, 1).begins) == Month(2027, 1)
    assert Month.of_id(UUID(int=Month(2027, 1).begins.int - 1)) == Month(2026, 12)


def test_this_month_and_those_ahead_are_there_for_each_table() -> None:
    here = Month.of(now())
    wanted = [here]
    while len(wanted) <= months.AHEAD:
        wanted.append(wanted[-1].next)
    assert months.list_months() == wanted
    assert partitions() == {
        table: sorted([*(month.partition(table) for month in wanted), f"{table}_default"]) for table in months.TABLES
    }


def test_a_partition_read_past_its_table_is_as_closed() -> None:
    """What the catalog of all tables says of row security holds for them too (tests.test_house)."""
    with connection.cursor() as cursor:
        for names in partitions().values():
            for name in names:
                cursor.execute(
                    "SELECT has_any_column_privilege(r.name, %s, 'SELECT, INSERT, UPDATE'),"
                    " has_table_privilege(r.name, %s, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')"
                    " FROM unnest(ARRAY['hq_app', 'hq_edge', 'hq_lookup']) AS r (name)",
                    [name, name],
                )
                assert set(cursor.fetchall()) == {(False, False)}
                cursor.execute("SELECT tgname::text FROM pg_trigger WHERE tgrelid = %s::regclass", [name])
                assert {row[0] for row in cursor.fetchall()} >= {"append_only", "append_only_truncate"}


def test_the_running_role_makes_and_drops_none() -> None:
    with pytest.raises(CommandError, match="hq_owner"):
        call_command("make_months")
    with pytest.raises(months.NotTheOwner):
        actions.drop_month(Month(2020, 1), archived=lambda _held: True)


def ids_of(month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on whoever records has a clock in that month."""
    made = iter(UUID(int=month.begins.int + number) for number in range(1, 100))
    monkeypatch.setattr(recorder, "new_id", lambda: next(made))


def test_no_line_is_refused_for_want_of_a_month(monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_place()
    for month in (Month(1999, 1), Month(2031, 5)):
        ids_of(month, monkeypatch)
        request(place)
    actions.grow(place.id, place.live_id)
    assert len(entries(place)) == 2
    with tenant(place.id):
        assert actions.verify_chain(actor=place.actor(), log=Log.ACCESS).ok


@pytest.mark.usefixtures("owner")
def test_what_came_without_a_month_becomes_one_with_the_months_that_were_not_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    last = months.list_months()[-1]
    later = last.next.next
    add_as_superuser(later)
    made = months.make(datetime(later.year, later.number, 20, tzinfo=UTC))
    assert f"audit_accessentry_to_{later.year}_{later.number:02}" in partitions()["audit_accessentry"]
    assert later.next.partition("audit_accessentry") in made
    assert later.partition("audit_auditevent") in made  # of which none had come
    assert months.make(datetime(later.year, later.number, 20, tzinfo=UTC)) == []
    call_command("make_months")
    assert "Everything is there." in capsys.readouterr().out


def add_as_superuser(month: Month) -> None:
    with as_superuser() as database:
        database.execute(
            "INSERT INTO audit_accessentry (id, organization_id, at, actor_kind, method, verb, route, status,"
            " request_id, duration_ms, detail)"
            " VALUES (%s, gen_random_uuid(), now(), '', '', 'GET', 'r', 200, '', 1, '')",
            [UUID(int=month.begins.int + 5)],
        )


def test_too_few_months_ahead_are_told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    with caplog.at_level(logging.ERROR):
        tasks.sweep_months()
        assert caplog.records == []
        late = months.list_months()[-1]
        monkeypatch.setattr(tasks, "now", lambda: datetime(late.year, late.number, 1, tzinfo=UTC))
        tasks.sweep_months()
    assert "make_months" in caplog.records[0].message


class Dropping:
    """A place with requests of the oldest month, which is over, and of this one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = make_place()
        self.month = months.list_months()[0]
        monkeypatch.setattr(months, "now", lambda: datetime(2040, 1, 1, tzinfo=UTC))
        for number in range(300):
            request(self.place, number)
        following = iter(UUID(int=self.month.next.begins.int + number) for number in range(1, 100))
        monkeypatch.setattr(recorder, "new_id", lambda: next(following))
        for number in range(300, 310):
            request(self.place, number)


def drop(month: Month, archived: Any = lambda _held: True) -> list[Held]:
    connection.close()
    settings = connections["default"].settings_dict
    running, settings["USER"] = settings["USER"], "hq_owner"
    try:
        return actions.drop_month(month, archived=archived)
    finally:
        connection.close()
        settings["USER"] = running


def test_a_month_goes_only_when_all_of_it_is_archived_and_has_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    as_superuser().close()
    its = Dropping(monkeypatch)
    place: Place = its.place
    with pytest.raises(CannotDrop, match=r"300 requests of .* have no place"):
        drop(its.month)
    actions.grow(place.id, place.live_id)
    with pytest.raises(CannotDrop, match="not archived"):
        drop(its.month, lambda held: held.log is Log.ADMIN)
    with pytest.raises(CannotDrop, match="oldest"):
        drop(its.month.next)
    held = drop(its.month)
    assert Held(place.id, place.live_id, Log.ACCESS, 1, 300) in held
    assert Held(place.id, place.live_id, Log.ADMIN, 1, 2) in held
    assert months.list_months()[0] == its.month.next
    of = place.id, place.live_id, Log.ACCESS
    with tenant(place.id):
        assert [entry.index for entry in selectors.page_log(*of, after=0, limit=400)] == list(range(301, 311))
        assert len(selectors.inclusion(*of, 7, 310)) > 0  # what went is proved all the same
        for log in Log:
            found = actions.verify_chain(actor=place.actor(), log=log)
            assert (found.ok, found.reason) == (True, "")


def test_a_month_that_is_not_over_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotDrop, match="not over"):
        drop(months.list_months()[0])
