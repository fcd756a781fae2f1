"""Makes the bucket that HQ_ARCHIVE_BUCKET names, with its lock, its lifecycle and its policy."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.buckets import ArchiveFault, bucket


class Command(BaseCommand):
    help = (
        "Make the bucket of the archive, or bring its rules to what HQ needs. Run it as somebody who may make buckets."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        place = bucket()
        try:
            place.prepare()
        except ArchiveFault as fault:
            raise CommandError(str(fault)) from fault
        locks = "It locks what is written for seven years." if place.lockable else "It cannot lock what is written."
        self.stdout.write(f"The archive is {place.where}. {locks}")
