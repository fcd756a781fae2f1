"""An entry as JSON and as CSV: nothing in it begins a line of its own, and nothing is computed by a spreadsheet."""

import csv
import io
import json
from typing import Any

import pytest

from audit.selectors import Entry
from audit.tags import Log
from evidence.actions.export_rows import COLUMNS, csv_head, csv_row, json_line
from hq.lib.canonical import canonical
from hq.lib.clock import now

HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '"=1"', "a,b", 'a"b', "a\nb", "a\r\nb", "\x1b[2J", "\u2028"]


def entry(log: Log = Log.ADMIN, detail: dict[str, Any] | None = None, **words: object) -> Entry:
    document = {
        "index": 7,
        "at": "2026-11-22T09:00:00.000000Z",
        "tag": "share:created",
        "id": "019aa9a5-3c1e-7c3d-9f0a-2f6d1d1f4a10",
        "actor": {"kind": "person", "id": None, "method": "session"},
        "target": {"kind": "share", "id": "x"},
        "verb": "GET",
        "route": "v1/me",
        "status": 200,
        "ms": 3,
        "ip": None,
        "request": "req_1",
    } | words
    return Entry(7, canonical(document), b"\x01" * 32, b"\x02" * 32, detail, "00" * 32 if detail else None, now())


def cells(raw: bytes) -> list[str]:
    (row,) = csv.reader(io.StringIO(raw.decode(), newline=""))
    return row


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("log", Log)
def test_a_hostile_text_stays_one_cell_of_one_row_and_no_formula(log: Log, text: str) -> None:
    raw = csv_row(log)(entry(log, request=text))
    row = dict(zip(COLUMNS[log], cells(raw), strict=True))
    assert row["request"] == ("'" + text if text[0] in "=+-@\t\r" else text)
    assert raw.endswith(b"\r\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_detail_is_one_line_of_json(text: str) -> None:
    raw = json_line(entry(detail={"reason": text}))
    assert raw.count(b"\n") == 1
    assert not [byte for byte in raw[:-1] if byte < 0x20]
    assert json.loads(raw)["detail"] == {"reason": text}
    row = dict(zip(COLUMNS[Log.ADMIN], cells(csv_row(Log.ADMIN)(entry(detail={"reason": text}))), strict=True))
    assert json.loads(row["detail"]) == {"reason": text}


def test_what_can_no_longer_be_opened_is_null_and_an_empty_cell() -> None:
    raw = json.loads(json_line(entry()))
    assert (raw["detail"], raw["salt"]) == (None, None)
    row = dict(zip(COLUMNS[Log.ADMIN], cells(csv_row(Log.ADMIN)(entry())), strict=True))
    assert (row["detail"], row["ip"], row["actor.id"]) == ("", "", "")


@pytest.mark.parametrize("log", Log)
def test_the_first_row_names_the_columns(log: Log) -> None:
    assert cells(csv_head(log)) == list(COLUMNS[log])
