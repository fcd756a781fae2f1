"""How an organization's pages look to its signers. A stylesheet of its own: the policy takes no style in a page."""

from base64 import b64decode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from hq.db.context import tenant
from hq.lib.errors import NotFound
from signing.actions.brand import shades_of
from signing.actions.inbox import name_of
from signing.models import Brand
from signing.views.signer import for_signers

# The colour chosen stands out from white letters on it; as letters it has a shade for each theme.
SHEET = """\
:root {{
  --hq-accent: light-dark({light}, {dark});
}}

.btn-primary,
.btn-primary:hover,
.btn-primary:active,
.btn-primary:focus-visible,
.btn-primary:first-child:focus-visible {{
  border-color: {colour};
  background: {colour};
  color: #fff;
}}
"""


@for_signers("GET", "HEAD")
def colours(request: HttpRequest, organization_id: UUID) -> HttpResponseBase:
    """The organization's colour; nothing where none was chosen."""
    brand = _brand(organization_id)
    if brand is None:
        return HttpResponse(content_type="text/css")
    shades = shades_of(brand.colour)
    sheet = SHEET.format(colour=brand.colour, light=shades.light, dark=shades.dark)
    return HttpResponse(sheet, content_type="text/css")


@for_signers("GET", "HEAD")
def mark(request: HttpRequest, organization_id: UUID) -> HttpResponseBase:
    """The organization's mark, a PNG that was drawn anew when it came. Raises NotFound."""
    brand = _brand(organization_id)
    if brand is None or not brand.mark:
        raise NotFound
    return HttpResponse(b64decode(brand.mark), content_type="image/png")


def _brand(organization_id: UUID) -> Brand | None:
    """Raises LinkCannotBeOpened where nobody comes in."""
    name_of(organization_id)
    with tenant(organization_id):
        return Brand.objects.filter(organization_id=organization_id).first()
