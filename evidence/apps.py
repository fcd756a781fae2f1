from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "evidence"

    def ready(self) -> None:
        from evidence.actions.exports import follow
        from vault.actions.packages import on_move

        on_move("evidence", follow)
