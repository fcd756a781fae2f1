"""The data map on the terminal: every stored field, its class and its handling."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from hq.db.classes import DataClass, Stored, data_map
from keys.serializers import data_map_body


class Command(BaseCommand):
    help = "Print every stored field with its class, how it stands there, and what erasing an organization does to it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--class", dest="data_class", choices=[each.value for each in DataClass])
        parser.add_argument("--json", action="store_true", help="the whole map as /v1 answers it")

    def handle(self, *_args: Any, **options: Any) -> None:
        lines = [line for line in data_map() if options["data_class"] in {None, line.data_class}]
        if options["json"]:
            self.stdout.write(json.dumps(data_map_body(lines), indent=2))
            return
        rows = [("FIELD", "CLASS", "TYPE", "STANDS", "ON ERASURE"), *map(_row, lines)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(line: Stored) -> tuple[str, ...]:
    return f"{line.table}.{line.field}", line.data_class.value, line.type, line.stands, line.erasure.sentence
