"""The vault over /v1."""

from vault.api import credentials, objects, uploads

routes = [*objects.routes, *uploads.routes, *credentials.routes]
public_routes = [*uploads.public_routes]

__all__ = ["public_routes", "routes"]
