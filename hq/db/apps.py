from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_migrate


class DbConfig(AppConfig):
    name = "hq.db"
    label = "db"

    def ready(self) -> None:
        from hq.db import grants
        from hq.db.class_checks import check_classes

        checks.register(check_classes)
        post_migrate.connect(grants.apply, sender=self)
