from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"

    def ready(self) -> None:
        from audit.months import make_after_migrating

        post_migrate.connect(make_after_migrating, sender=self)
