"""Agreements and their templates over /v1 (SIG-1)."""

from signing.api import agreements, files, life, templates

routes = [*agreements.routes, *life.routes, *files.routes, *templates.routes]
