"""The identity provider as a site, for a real browser: a page with a button that posts the answer back."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from typing import Any

from werkzeug import Request, Response

from tests.idp.loopback import served
from tests.idp.saml import SamlIdp
from tests.idp.saml_messages import Asked, read_request

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in to the identity provider</title></head>
<body><main><h1>Identity provider</h1>
<form method="post" action="{acs_url}">
<input type="hidden" name="SAMLResponse" value="{response}">
<input type="hidden" name="RelayState" value="{relay_state}">
<button type="submit">Continue</button>
</form></main></body></html>
"""


class SamlSite:
    """`answer` holds the arguments of the next responses; `asked` every request that came, by either binding."""

    def __init__(self, idp: SamlIdp, answer: dict[str, Any]) -> None:
        self.idp = idp
        self.answer = answer
        self.address = ""
        self.asked: list[Asked] = []

    @property
    def sso_url(self) -> str:
        return f"{self.address}/sso"

    @property
    def metadata(self) -> str:
        return self.idp.metadata(self.sso_url)

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        request = Request(environ)
        if request.path == "/sso":
            answer = Response(self.page(request.values), mimetype="text/html")
        elif request.path == "/metadata":
            answer = Response(self.metadata, mimetype="application/samlmetadata+xml")
        else:
            answer = Response(status=404)
        return answer(environ, start)

    def page(self, values: Mapping[str, str]) -> str:
        """The page with the answer. Without a request it is one that nobody asked for."""
        request = values.get("SAMLRequest")
        acs_url = self.answer.get("acs_url")
        if request is not None:
            self.asked.append(read_request(request))
            acs_url = acs_url or self.asked[-1].acs_url
        return PAGE.format(
            acs_url=escape(str(acs_url)),
            response=escape(self.idp.respond(request, **self.answer)),
            relay_state=escape(values.get("RelayState", "")),
        )


@contextmanager
def serve(idp: SamlIdp, **answer: Any) -> Iterator[SamlSite]:
    """The provider on a free loopback port. `answer` goes to `respond`, and may be changed between requests."""
    site = SamlSite(idp, answer)
    with served(site) as site.address:
        yield site
