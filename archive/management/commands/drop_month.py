"""Drops the rows of the trail's oldest month, once nobody keeps it and the archive was read back."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.actions.retention import KeptStill, drop_month
from archive.buckets import ArchiveFault
from audit.months import CannotDrop, NotTheOwner
from hq.lib.text import plural


class Command(BaseCommand):
    help = "Drop the oldest month of the trail from the database for good. Runs as the database's owner."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("month", help="such as 2026-11")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            month = date.fromisoformat(f"{options['month']}-01")
        except ValueError:
            raise CommandError("Write the month as 2026-11.") from None
        try:
            logs = drop_month(month)
        except (KeptStill, ArchiveFault, CannotDrop, NotTheOwner) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['month']} is gone, of {plural(logs, 'log')}. Its tree stays, and its archive.")
