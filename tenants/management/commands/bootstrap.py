"""`bin/manage bootstrap --organization NAME --email E --json`: an organization without a browser."""

import json
from argparse import ArgumentParser
from time import monotonic, sleep
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hq.authz.actor import Origin
from hq.authz.permissions import SCOPES, AuthMethod
from hq.db.context import tenant
from hq.lib.errors import Problem
from jobs import actions as jobs
from tenants import actions, selectors
from tenants.models import Organization, User

PATIENCE = 60.0  # seconds


class Command(BaseCommand):
    """Runs only where the database and the key store can be reached: on the server. The web has no way to it."""

    help = "Make an organization, its first owner, an API key for live, and a one-time sign-in link."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", required=True, help="name of the organization")
        parser.add_argument("--email", required=True, help="address of its first owner")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        person = actions.ensure_person(email=email, name=email.partition("@")[0])
        try:
            organization = actions.create_organization(
                person=person, name=options["organization"], region=settings.REGION, origin=Origin()
            )
        except Problem as problem:
            raise CommandError(str(problem)) from problem
        self._wait_until_ready(organization, person)
        made = self._describe(organization, person)
        self.stdout.write(
            json.dumps(made) if options["json"] else "\n".join(f"{key}: {value}" for key, value in made.items())
        )

    def _wait_until_ready(self, organization: Organization, person: User) -> None:
        """Works through the queue itself, so that no worker need run; one that does may be faster."""
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline:
            belonging = selectors.find_belonging(person.pk, organization.slug)
            if belonging is not None and belonging.state == Organization.State.READY:
                return
            if not jobs.run_one("bootstrap"):
                sleep(0.1)
        raise CommandError("The organization could not be provisioned; the job's error is at /operator/jobs.")

    def _describe(self, organization: Organization, person: User) -> dict[str, Any]:
        belonging = selectors.find_belonging(person.pk, organization.slug)
        if belonging is None:
            raise CommandError("The person is not in the organization any more.")
        actor = belonging.actor(person, method=AuthMethod.SERVER, origin=Origin())
        with tenant(organization.id):
            key = actions.create_api_key(actor=actor, name="bootstrap", scopes=frozenset(SCOPES & actor.permissions))
        return {
            "organization_id": str(organization.id),
            "environments": {"live": str(belonging.live_id), "test": str(belonging.test_id)},
            "api_key": key.secret,
            "sign_in_url": actions.create_sign_in_link(person=person),
        }
