from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        from keys.registry import register_tenancy
        from tenants import actions, signals

        signals.connect()
        actions.register_steps()
        register_tenancy(actions.Keepers())
