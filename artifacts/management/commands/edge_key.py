"""`bin/manage edge_key`: the public keys of the edge's cookies, as a key group of CloudFront takes them."""

from typing import Any

from django.core.management.base import BaseCommand

from artifacts.actions.cookie_keys import keys


class Command(BaseCommand):
    help = "Print the public keys that cookies of published artifacts are checked with, the one that signs first."

    def handle(self, *_: Any, **__: Any) -> None:
        for number, (name, key) in enumerate(keys()):
            what = "checks only, from HQ_SECRET_KEY_FALLBACKS" if number else "signs, from HQ_SECRET_KEY"
            self.stdout.write(f"thumbprint {key.thumbprint}, as {name}: {what}\n{key.public_pem}")
        self.stdout.write("Give each to CloudFront, then set HQ_EDGE_KEY_IDS=<thumbprint>=<id in CloudFront>,…")
