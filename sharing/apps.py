from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "sharing"

    def ready(self) -> None:
        from keys import registry
        from sharing.actions import LinkTokens, end_links_of
        from tenants.registry import on_departure

        registry.add_holder(LinkTokens())
        on_departure("sharing", end_links_of)
