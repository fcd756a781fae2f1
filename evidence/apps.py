from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "evidence"

    def ready(self) -> None:
        from audit.registry import on_unfit
        from evidence.actions.checkpoints import tell_unfit
        from evidence.actions.exports import follow
        from evidence.selectors.origins import require_settings
        from vault.actions.packages import on_move

        require_settings()
        on_unfit("evidence", tell_unfit)
        on_move("evidence", follow)
