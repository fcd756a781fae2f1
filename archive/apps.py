from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    name = "archive"

    def ready(self) -> None:
        from archive.actions import keep_later
        from evidence.registry import on_checkpoint

        on_checkpoint("archive", keep_later)
