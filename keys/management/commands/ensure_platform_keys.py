"""The deployment's own keys, before the first person signs up. Runs after `migrate`, as hq_app, whenever HQ starts."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from keys.actions import ensure_platform_keys
from keys.providers import ProviderError


class Command(BaseCommand):
    help = "Make the deployment's own keys if they are not there yet. Safe to repeat, and to run twice at once."

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            cmk = ensure_platform_keys()
        except ProviderError as error:
            raise CommandError(str(error)) from error
        if options["verbosity"]:
            self.stdout.write(f"The deployment's keys are there, under {cmk}.")
