"""The web process."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hq.settings")
django.setup(set_prefix=False)  # as get_wsgi_application does, which gives Django's own handler

from hq.web.handler import Handler  # noqa: E402 - it reads the settings

application = Handler()
