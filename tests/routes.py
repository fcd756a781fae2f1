"""Every address of the product, read from the URL configuration itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("get", "post", "put", "patch", "delete", "head")


@dataclass(frozen=True)
class Route:
    """`pattern` as it is written in the urls modules, and the view behind it."""

    pattern: str
    name: str
    view: Any

    @property
    def methods(self) -> list[str]:
        """What an endpoint class answers to, HEAD apart (it goes with GET)."""
        kind = getattr(self.view, "view_class", getattr(self.view, "cls", None))
        return [method.upper() for method in METHODS[:5] if hasattr(kind, method)]


def every_route() -> list[Route]:
    return list(_walk("", get_resolver(), ""))


def _walk(prefix: str, resolver: URLResolver, namespace: str) -> Iterator[Route]:
    for item in resolver.url_patterns:
        pattern = prefix + str(item.pattern)
        if isinstance(item, URLResolver):
            inner = f"{namespace}{item.namespace}:" if item.namespace else namespace
            yield from _walk(pattern, item, inner)
        elif isinstance(item, URLPattern):
            yield Route(pattern, f"{namespace}{item.name or ''}", item.callback)
