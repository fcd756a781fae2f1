from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        from keys.registry import add_holder, register_tenancy
        from tenants import actions, columns, signals

        columns.connect()
        signals.connect()
        actions.register_steps()
        register_tenancy(actions.Keepers())
        add_holder(columns.Factors(), platform=True)
