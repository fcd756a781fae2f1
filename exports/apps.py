from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "exports"

    def ready(self) -> None:
        from exports.actions import drop_own
        from exports.actions.agreements import register_agreements
        from exports.actions.files import register_files
        from exports.actions.moves import follow
        from exports.actions.tables import register_tables
        from tenants.registry import on_departure
        from vault.actions.packages import on_move

        register_files()
        register_agreements()
        register_tables()
        on_departure("exports", drop_own)
        on_move("exports", follow)
