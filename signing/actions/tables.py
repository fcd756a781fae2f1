"""A table of people (CSV, RFC 4180) read against a template: each row whole, or with what is wrong about it.

Nothing of it is believed: sizes are bounded before anything is read, and what a spreadsheet would run is refused, since
tables of people come out of spreadsheets and go back into them.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Final

from hq.lib.mail_addresses import spell_address
from hq.lib.text import NO_CONTROL, plural
from signing.models.batches import ROWS_MOST

BYTES_MOST, CELL_MOST = 1_000_000, 500
NAME_MOST, TITLE_MOST = 120, 200
_LINE = re.compile(NO_CONTROL)
_RUNS: Final = ("=", "@", "\t", "\r")  # what a spreadsheet takes for a formula; + and - begin numbers too
_DELIMITERS: Final = ",;\t"


class BadTable(ValueError):
    """The table as a whole cannot be read."""


@dataclass(slots=True)
class Row:
    """One agreement that is to be, from the line of the file that says so; `problem` says why it will not be."""

    line: int
    title: str = ""
    people: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a template asks of each row. `title` is what an agreement is called where the table has no such column."""

    roles: int
    variables: Sequence[str]
    title: str

    @property
    def columns(self) -> list[str]:
        """Name and email (of each role, where there are several), then the variables; one called alike is the same."""
        people = ["name", "email"]
        if self.roles > 1:
            people = [f"{what}_{number}" for number in range(1, self.roles + 1) for what in ("name", "email")]
        return list(dict.fromkeys([*people, *self.variables]))


def read_table(content: bytes, shape: Shape) -> list[Row]:
    """Each line as a row. Raises BadTable."""
    header, lines = _lines(content)
    _check_header(header, shape.columns)
    rows = [_row(line, header, cells, shape) for line, cells in lines]
    seen: dict[tuple[object, ...], int] = {}
    for row in rows:
        people = tuple((name, spell_address(email) or email) for name, email in row.people)
        same = (row.title, people, tuple(row.values.items()))
        first = seen.setdefault(same, row.line)
        if first != row.line and not row.problem:
            row.problem = f"The same as line {first}."
    return rows


def _lines(content: bytes) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The names of the columns, and every other line with its number."""
    if len(content) > BYTES_MOST:
        raise BadTable(f"A table has at most {BYTES_MOST // 1_000_000} MB.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadTable("The table is not UTF-8. Save it as “CSV UTF-8”.") from None
    if "\0" in text:
        raise BadTable("This is not a table of text.")
    first = text.lstrip("\n").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append((reader.line_num, cells))
            if len(found) > ROWS_MOST + 1:
                raise BadTable(f"A table has at most {ROWS_MOST} rows. Send the others with another one.")
    except csv.Error as error:
        raise BadTable(f"Line {reader.line_num} cannot be read: {error}.") from None
    if len(found) < 2:
        raise BadTable("The table needs a first line with the names of its columns, and a row for each agreement.")
    return [cell.strip().lower() for cell in found[0][1]], found[1:]


def _check_header(header: Sequence[str], wanted: Sequence[str]) -> None:
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise BadTable(f"There are two columns called {twice[0][:60] or 'nothing'}.")
    named, known = set(header), {*wanted, "title"}
    missing = [name for name in wanted if name not in named]
    if missing:
        raise BadTable(f"The table lacks {plural(len(missing), 'column')}: {', '.join(missing)}.")
    other = [name for name in header if name not in known]
    if other:
        raise BadTable(f"This template knows no column {other[0][:60] or 'without a name'}. Remove it.")


def _row(line: int, header: Sequence[str], found: Sequence[str], shape: Shape) -> Row:
    row = Row(line=line)
    if len(header) != len(found):
        row.problem = "It has other columns than the first line."
        return row
    cells = {name: cell.strip() for name, cell in zip(header, found, strict=True)}
    ends = [""] if shape.roles == 1 else [f"_{number}" for number in range(1, shape.roles + 1)]
    row.title = cells.get("title") or shape.title
    row.people = [(cells[f"name{end}"], cells[f"email{end}"]) for end in ends]
    row.values = {name: cells[name] for name in shape.variables}
    row.problem = _fault(cells) or _fault_of_people(row.people) or _fault_of_values(row)
    return row


def _fault(cells: dict[str, str]) -> str:
    for name, cell in cells.items():
        if len(cell) > CELL_MOST:
            return f"{name} has more than {CELL_MOST} characters."
        if cell.startswith(_RUNS):
            return f"{name} begins as a formula does. A spreadsheet would run it."
        if not _LINE.match(cell):
            return f"{name} has to be one line of text."
    return ""


def _fault_of_people(people: Sequence[tuple[str, str]]) -> str:
    seen = set()
    for name, email in people:
        address = spell_address(email)
        if not name:
            return "A name is missing."
        if len(name) > NAME_MOST:
            return f"A name has at most {NAME_MOST} characters."
        if name[0] in "+-":
            return "A name begins as a formula does. A spreadsheet would run it."
        if address is None:
            return "This is not an e-mail address that HQ can write to." if email else "An address is missing."
        if address in seen:
            return "The same address stands in two roles."
        seen.add(address)
    return ""


def _fault_of_values(row: Row) -> str:
    if len(row.title) > TITLE_MOST:
        return f"A title has at most {TITLE_MOST} characters."
    empty = [name for name, value in row.values.items() if not value]
    if empty:
        return f"{empty[0]} is not filled in."
    bracket = [name for name, value in row.values.items() if "[" in value or "]" in value]
    return f"{bracket[0]} cannot hold [ or ]: fields are made of them." if bracket else ""
