"""What a request is to HQ, where Django's own reading of it leaves too much to the caller."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http.request import split_domain_port
from django.utils.http import parse_header_parameters

_PORTS = {"http": 80, "https": 443}


class Request(WSGIRequest):
    """Text is UTF-8, and the host is the one name and port that HQ is reached at."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        # Django decodes addresses and forms by any codec that the caller names: `zlib` breaks the request before there
        # is a handler to answer it, `unicode_escape` makes surrogates of it, which nothing can store.
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))

    def get_host(self) -> str:
        """The host in its one spelling. Raises DisallowedHost for a port that is not ours too, unlike Django.

        Links in mails are made of it, and allauth counts failed sign-ins by it.
        """
        domain, port = split_domain_port(super().get_host())
        ours = urlsplit(settings.BASE_URL)
        # Behind a proxy the public port and the one that the supervisor asks at are two.
        if port and port not in {str(ours.port or _PORTS.get(ours.scheme)), str(settings.PORT)}:
            raise DisallowedHost("The port is not ours.")
        return f"{domain}:{port}" if port else domain


class Handler(WSGIHandler):
    """Makes such requests."""

    request_class = Request

    def resolve_request(self, request: Any) -> Any:
        """The view, found once: `TenantContext` has looked it up to tell whose data it is about."""
        return request.resolver_match or super().resolve_request(request)
