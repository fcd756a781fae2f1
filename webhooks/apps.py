from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        from audit.registry import on_event
        from webhooks.actions import note_event

        on_event("webhooks", note_event)
