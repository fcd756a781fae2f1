from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "sharing"

    def ready(self) -> None:
        from keys import registry
        from sharing.actions import LinkTokens

        registry.add_holder(LinkTokens())
