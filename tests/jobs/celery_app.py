"""HQ's Celery with the kinds of these tests, and little patience at its end."""

import django

django.setup()

from jobs import tasks  # noqa: E402 - models need Django to be up
from tests.jobs.support import app  # noqa: E402 - as above

tasks.DRAIN_SECONDS = 0.5
__all__ = ["app"]
