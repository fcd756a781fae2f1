from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        from tenants import actions, signals

        signals.connect()
        actions.register_steps()
