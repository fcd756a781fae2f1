"""The web process."""

import gc
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hq.settings")
django.setup(set_prefix=False)  # as get_wsgi_application does, which gives Django's own handler

from hq.web.handler import Handler  # noqa: E402 - it reads the settings

application = Handler()
# What was loaded stays for good. Looking through it for rings every few hundred objects took a part of each request;
# what requests leave is freed by counting, all but a few rings.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
