"""`bin/manage promote_operator EMAIL`: the only way to become a platform operator (ACC-10)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hq.lib.errors import Problem
from tenants import actions


class Command(BaseCommand):
    help = "Make a person who has signed up a platform operator."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            person = actions.promote_operator(email=options["email"])
        except Problem as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{person.email} is a platform operator.")
