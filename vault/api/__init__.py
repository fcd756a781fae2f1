"""The vault over /v1."""

from vault.api.objects import routes

__all__ = ["routes"]
