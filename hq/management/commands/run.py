import sys
from typing import Any

from django.core.management.base import BaseCommand

from hq.embedded import supervisor


class Command(BaseCommand):
    help = "Starts HQ with everything it needs, says when it answers, and stops it all on Ctrl-C."
    requires_system_checks = ()  # each process checks itself; the database is not there yet

    def handle(self, *_: Any, **__: Any) -> None:
        sys.exit(supervisor.main())
