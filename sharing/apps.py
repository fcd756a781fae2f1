from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "sharing"

    def ready(self) -> None:
        from hq.db.retention import register
        from keys import registry
        from sharing.actions import LinkTokens, end_links_of
        from sharing.actions.caps import cap_of
        from sharing.actions.departure import forget_links_of
        from sharing.actions.expiry import LINKS, REQUESTS
        from tenants.registry import caps_sharing, on_departure, on_erasure

        registry.add_holder(LinkTokens())
        caps_sharing(cap_of)
        on_departure("sharing", end_links_of)
        register(LINKS)
        register(REQUESTS)
        on_erasure("sharing", forget_links_of)
