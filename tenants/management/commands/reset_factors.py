"""`bin/manage reset_factors EMAIL`: for somebody who lost their second factors and their recovery codes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hq.lib.errors import Problem
from tenants import actions


class Command(BaseCommand):
    help = "Take away every second factor of a person, who is told by mail. Be sure first that it is they who ask."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            person = actions.reset_factors(email=options["email"])
        except Problem as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{person.email} has no second factor any more.")
