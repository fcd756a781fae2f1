from django.apps import AppConfig


class SigningConfig(AppConfig):
    name = "signing"

    def ready(self) -> None:
        from hq.db.retention import register
        from keys.registry import at_start
        from signing.actions.papers import paper_moved
        from signing.actions.seals import ensure_seal_root
        from signing.actions.upkeep import CLASSES, forget_maker
        from tenants.registry import on_erasure
        from vault.actions.packages import on_move

        at_start("signing", ensure_seal_root)
        on_move("signing", paper_moved)
        on_erasure("signing", forget_maker)
        for record in CLASSES:
            register(record)
