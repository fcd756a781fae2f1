from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    name = "archive"

    def ready(self) -> None:
        from archive.actions import keep_later
        from archive.actions.retention import CLASSES
        from evidence.registry import on_checkpoint
        from hq.db.retention import register

        on_checkpoint("archive", keep_later)
        for record in CLASSES:
            register(record)
