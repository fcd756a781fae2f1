"""HQ's Celery with the kinds of these tests."""

import django

django.setup()

from tests.jobs.support import app  # noqa: E402 - models need Django to be up

__all__ = ["app"]
