from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        from audit.registry import on_event
        from hq.db.retention import register
        from webhooks.actions import note_event
        from webhooks.actions.retention import MESSAGES

        on_event("webhooks", note_event)
        register(MESSAGES)
