"""`bin/manage demote_operator EMAIL`: an operator no longer, and out of every organization at once (ACC-10)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hq.lib.errors import Problem
from tenants import actions


class Command(BaseCommand):
    help = "Make a person a platform operator no longer, and end their support access."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            person = actions.demote_operator(email=options["email"])
        except Problem as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{person.email} is no platform operator.")
