import sys
from typing import Any

from django.core.management.base import BaseCommand

from hq.embedded.errors import CannotStart
from hq.embedded.layout import Layout
from hq.embedded.supervisor import Supervisor


class Command(BaseCommand):
    help = "Starts HQ with everything it needs, says when it answers, and stops it all on Ctrl-C."
    requires_system_checks = ()  # each process checks itself; the database is not there yet

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            layout = Layout.from_environment()
            layout.prepare()
            code = Supervisor.for_instance(layout).run()
        except CannotStart as error:
            self.stderr.write(str(error))
            code = 1
        sys.exit(code)
