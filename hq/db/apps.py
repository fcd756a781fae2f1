from django.apps import AppConfig
from django.db.models.signals import post_migrate


class DbConfig(AppConfig):
    name = "hq.db"
    label = "db"

    def ready(self) -> None:
        from hq.db import grants

        post_migrate.connect(grants.apply, sender=self)
