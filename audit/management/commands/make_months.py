"""`bin/manage make_months`: room for the coming months of the trail, where nothing was migrated for long."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import months


class Command(BaseCommand):
    help = "Make the partitions of the trail for this month and the next ones. Runs as the database's owner."

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            made = months.make()
        except months.NotTheOwner as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"New: {', '.join(made)}." if made else "Everything is there.")
