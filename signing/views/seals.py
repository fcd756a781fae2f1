"""What sealed documents are checked against."""

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from hq.web.portal import public
from signing.actions.seals import root_certificates

KEPT_SECONDS: Final = 300


@public
@require_safe
def root(request: HttpRequest) -> HttpResponse:
    """The certificates of this deployment's roots of seals, newest first, in PEM (RFC 7468)."""
    found = root_certificates()
    if not found:
        raise Http404
    headers = {
        "Content-Disposition": 'attachment; filename="hq-seal-root.pem"',
        "Cache-Control": f"public, max-age={KEPT_SECONDS}",
    }
    return HttpResponse(found, content_type="application/pem-certificate-chain", headers=headers)
