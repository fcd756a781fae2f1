"""Rows that do not open: the log names some of them and counts the rest, in ids only."""

import logging

import pytest
from django.db import connection

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.db.sealing import Purpose, header
from hq.web.logs import LineFormatter
from keys import columns
from keys.columns import Batch
from keys.registry import holders
from tenants import actions as tenants
from tests.factories import Place, make_place
from tests.keys.support import new_data_key

pytestmark = pytest.mark.django_db(transaction=True)
HOLDER = "tenants_invitation.metadata"


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "ROWS", 4)  # what is named is counted over all of them
    monkeypatch.setattr(columns, "PART", 3)


def resealed(broken: int, caplog: pytest.LogCaptureFixture) -> tuple[Place, list[str]]:
    """Seal this many rows again that do not open, and one that does; the lines of the log."""
    place = make_place()
    with tenant(place.id):
        for number in range(broken):
            tenants.invite_member(actor=place.actor(), email=f"new{number}@example.com", role=Role.ANALYST)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE tenants_invitation SET email = %s", [header(1) + bytes(40)])
        tenants.invite_member(actor=place.actor(), email="good@example.com", role=Role.ANALYST)
    version = new_data_key(place.id, Purpose.METADATA)
    (holder,) = [each for each in holders(place.id) if each.name == HOLDER]
    with caplog.at_level(logging.ERROR, "hq.keys"):
        made = holder.reseal(lambda: tenant(place.id), place.id, version, None, 100)
    assert made == Batch(1, broken, None)
    return place, [LineFormatter().format(record) for record in caplog.records if record.name == "hq.keys"]


def test_each_of_a_few_is_named(caplog):
    _, lines = resealed(10, caplog)
    assert len(lines) == 10
    assert all("sealed value does not open, so it is left as it is" in line for line in lines)
    assert len({line.rpartition("row_id=")[2] for line in lines}) == 10


def test_of_many_ten_are_named_and_then_they_are_counted(caplog):
    place, lines = resealed(13, caplog)
    assert ["row_id=" in line for line in lines] == [True] * 10 + [False]
    assert lines[-1].endswith(
        f"ERROR hq.keys more values do not open than are named holder={HOLDER} organization_id={place.id} count=13"
    )


def test_what_was_found_is_counted_though_the_call_does_not_come_to_its_end(caplog, monkeypatch):
    written = columns.SealedColumns._write

    def fails(self, organization_id, rows):
        if rows:  # the one that opens, after all those that do not
            raise ConnectionError
        written(self, organization_id, rows)

    monkeypatch.setattr(columns.SealedColumns, "_write", fails)
    with pytest.raises(ConnectionError):
        resealed(13, caplog)
    assert [getattr(record, "count", None) for record in caplog.records if record.name == "hq.keys"] == [
        *[None] * 10,
        13,
    ]
