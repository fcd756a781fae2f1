"""What a log line may say follows from the class of what it says (VLT-12)."""

import logging
from time import perf_counter

import pytest
from django.apps import apps
from django.db import DataError, IntegrityError, connection, transaction

from hq.db.classes import DataClass, data_map, unlogged
from hq.db.sealed import Sealed
from hq.lib.ids import new_id
from hq.web.logs import LineFormatter
from tenants.models import User
from vault.models import StoredObject

VALUE = "value-7f3a"
log = logging.getLogger("hq.tests.by_class")


@pytest.fixture
def line(caplog):
    """Log something as any room would, and see the line that is written."""

    def written(message="told", *arguments, **more):
        caplog.clear()
        with caplog.at_level(logging.INFO, logger=log.name):
            log.info(message, *arguments, **more)
        return LineFormatter().format(caplog.records[-1])

    return written


@pytest.mark.parametrize(
    "name",
    [
        *("email", "content_type", "user_agent", "path", "folder", "sha256", "detail", "time_zone"),
        *("created_by_label", "password", "token_digest", "hash", "session_key"),
    ],
)
def test_a_name_of_customer_data_or_of_a_secret_is_written_without_its_value(line, name):
    written = line(extra={name: VALUE})
    assert written.endswith(f"{name}=[withheld]")
    assert VALUE not in written


@pytest.mark.parametrize(
    "name", ["job", "kind", "organization_id", "request_id", "state", "error", "ip", "blob", "reason"]
)
def test_ids_and_operational_values_are_written(line, name):
    assert line(extra={name: VALUE}).endswith(f"{name}={VALUE}")


def test_no_secret_has_a_name_under_which_it_could_be_written():
    assert {
        stored.field for stored in data_map() if stored.data_class is DataClass.SECRETS and stored.room != "outside"
    } <= (unlogged())


def test_a_row_is_written_as_its_model_and_id_wherever_it_stands(line):
    stored = StoredObject(id=new_id(), path=f"{VALUE}.csv")
    for written in (
        line(extra={"row": stored}),
        line("read %s", stored),
        line(stored),
        line("read %(row)s", {"row": stored}),
        line(extra={"place": {"row": [stored]}}),
    ):
        assert VALUE not in written
        assert f"<vault.StoredObject {stored.id}>" in written


def test_the_id_of_a_row_is_withheld_where_the_id_is_a_secret(line):
    session = apps.get_model("sessions", "Session")(session_key=VALUE)
    assert VALUE not in line(extra={"session": session})


def test_rows_not_fetched_yet_are_neither_fetched_nor_written(line):
    assert line(extra={"people": User.objects.all()}).endswith("people=[withheld]")


def test_sealed_values_and_bytes_are_not_written(line):
    for value in (Sealed.of(b"0123456789"), VALUE.encode(), bytearray(VALUE, "ascii"), memoryview(VALUE.encode())):
        written = line("of %s", value, extra={"row": value})
        assert written.endswith("of [withheld] row=[withheld]")


def test_names_inside_a_document_are_judged_too(line):
    written = line(extra={"after": {"email": VALUE, "total": 7, "people": [{"user_agent": VALUE}]}})
    assert VALUE not in written
    assert "'total': 7" in written


def test_before_the_models_are_known_no_extra_is_written(line, monkeypatch):
    monkeypatch.setattr(apps, "models_ready", False)
    assert line(extra={"state": VALUE}).endswith("state=[withheld]")


@pytest.mark.django_db
def test_what_the_database_says_of_a_row_is_not_written(line):
    """Its sentence names the rule that was broken; its detail has the row's values."""
    address = f"{VALUE}@example.com"
    User.objects.create_user(address)
    with pytest.raises(IntegrityError, match=VALUE) as caught, transaction.atomic():
        User.objects.create_user(address)
    written = line("failed: %s", caught.value, exc_info=caught.value)
    assert VALUE not in written
    assert written.count("duplicate key value violates unique constraint") >= 3  # the message, the cause, the effect


@pytest.mark.django_db
def test_a_value_that_the_database_refuses_is_not_written(line):
    with pytest.raises(DataError, match=VALUE) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT %s::uuid", [VALUE])
    written = line("failed", exc_info=caught.value)
    assert VALUE not in written
    assert "DataError: [withheld]" in written


def test_a_line_costs_microseconds(line):
    """The names are gathered once, not for each line."""
    record = logging.makeLogRecord({"name": "hq.jobs", "msg": "claimed", "kind": "k", "email": "e", "job": new_id()})
    format_line = LineFormatter().format
    format_line(record)
    before = perf_counter()
    for _ in range(1000):
        format_line(record)
    assert (perf_counter() - before) / 1000 < 0.0005


def test_logging_is_set_up_with_this_formatter():
    formatters = {handler.formatter.__class__ for handler in logging.getLogger().handlers if handler.formatter}
    assert LineFormatter in formatters
