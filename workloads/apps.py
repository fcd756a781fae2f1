from django.apps import AppConfig


class WorkloadsConfig(AppConfig):
    name = "workloads"

    def ready(self) -> None:
        from hq.db.retention import register
        from tenants import registry
        from workloads.actions.exchanges import PREFIX, authenticate_workload
        from workloads.actions.forgetting import EXCHANGES
        from workloads.selectors.trusts import scopes_now

        registry.authenticates(PREFIX, authenticate_workload)
        registry.stands_by("workload", scopes_now)
        register(EXCHANGES)
