from django.apps import AppConfig


class KeysConfig(AppConfig):
    name = "keys"

    def ready(self) -> None:
        from hq.db.sealing import register_key_source
        from keys import rings

        register_key_source(rings.cache)
