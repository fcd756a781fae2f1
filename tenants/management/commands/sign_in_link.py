"""`bin/manage sign_in_link [--email E]`: a link that signs a person in, once, made on the server."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tenants import actions
from tenants.models import User

DEVELOPER = "owner@hq.localhost"


class Command(BaseCommand):
    help = "Print a one-time sign-in link, valid for 15 minutes. In development the person is made if missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", default=None if settings.PRODUCTION else DEVELOPER, required=settings.PRODUCTION)

    def handle(self, *_: Any, **options: Any) -> None:
        person = User.objects.with_address(options["email"])
        if person is None and settings.PRODUCTION:
            raise CommandError("Nobody has signed up with this address.")
        person = person or actions.ensure_person(email=options["email"], name="Olive Owner")
        self.stdout.write(f"Sign in once as {person.email}: {actions.create_sign_in_link(person=person)}")
