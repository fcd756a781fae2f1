"""Whom to tell of a fault in this deployment (RFC 9116)."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from hq.lib.clock import now
from hq.web.portal import public

# Section 2.5.5 asks for an end, of less than a year: what is fetched is true now, and this is how long it may be kept.
GOOD_FOR: Final = timedelta(days=90)
KEPT_SECONDS: Final = 3600


@public
@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """The contacts that the operator names, the one to try first at the top. Without any there is no such file."""
    if not settings.SECURITY_CONTACTS:
        raise Http404
    lines = [
        *(f"Contact: {contact}" for contact in settings.SECURITY_CONTACTS),
        f"Expires: {now() + GOOD_FOR:%Y-%m-%dT00:00:00Z}",
        "Preferred-Languages: en",
        f"Canonical: {settings.BASE_URL}/.well-known/security.txt",
    ]
    headers = {"Cache-Control": f"public, max-age={KEPT_SECONDS}", "Content-Type": "text/plain; charset=utf-8"}
    return HttpResponse("".join(f"{line}\n" for line in lines), headers=headers)
