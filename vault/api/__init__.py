"""The vault over /v1."""

from vault.api import credentials, objects

routes = [*objects.routes, *credentials.routes]

__all__ = ["routes"]
