"""Settings of what HQ is compared with: the same database, pool and server, and none of HQ's middleware."""

from hq.settings import *  # noqa: F403 - everything but what follows is the same

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework_api_key"]  # noqa: F405 - as above
ROOT_URLCONF = "bench.api_plain_urls"
