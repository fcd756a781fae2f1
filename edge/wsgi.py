"""The edge process: what people publish, each on a host name of its own, never from the portal's origin."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hq.settings")
django.setup(set_prefix=False)

from edge.app import Edge  # noqa: E402 - it reads the settings

application = Edge()
