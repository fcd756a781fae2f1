from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        from hq.authz import rules
        from hq.web import idempotency, limits
        from keys.registry import add_holder, register_tenancy
        from tenants import actions, columns, selectors, signals

        rules.register(selectors.AccessRules())
        idempotency.keep_in(actions.Answers())
        limits.turn_away_by(actions.is_nobodys)
        columns.connect()
        signals.connect()
        actions.register_steps()
        register_tenancy(actions.Keepers())
        add_holder(columns.Factors(), platform=True)
