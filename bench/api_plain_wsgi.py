"""Django's own application without any middleware, with the settings of what HQ is compared with."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.api_plain"

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

django.setup(set_prefix=False)
settings.MIDDLEWARE = []  # only now: allauth does not start without its own
application = WSGIHandler()
