"""Agreements and their templates over /v1 (SIG-1)."""

from signing.api import agreements, bulk, files, life, looks, templates

routes = [*agreements.routes, *life.routes, *files.routes, *templates.routes, *bulk.routes, *looks.routes]
