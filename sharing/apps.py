from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "sharing"

    def ready(self) -> None:
        from hq.db.retention import register
        from keys import registry
        from sharing.actions import LinkTokens, end_links_of
        from sharing.actions.departure import forget_links_of
        from sharing.actions.expiry import LINKS, REQUESTS
        from tenants.registry import on_departure, on_erasure

        registry.add_holder(LinkTokens())
        on_departure("sharing", end_links_of)
        register(LINKS)
        register(REQUESTS)
        on_erasure("sharing", forget_links_of)
