"""How the organization's pages look to its signers."""

from base64 import b64decode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid, NotFound
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from signing.actions import brand as branding
from signing.actions.brand import COLOUR_DEFAULT, shades_of
from signing.forms import BrandForm
from signing.views.portal_draft import explain


def brand(request: TenantRequest, **where: str) -> HttpResponse:
    """A colour that can be read, a mark, and what a signer will see."""
    gate.require(request.actor, Permission.POLICY_CHANGE)
    row = branding.find_brand(request.actor)
    colour = row.colour if row else COLOUR_DEFAULT
    form = BrandForm(request.POST, request.FILES) if request.method == "POST" else BrandForm(initial={"colour": colour})
    offered = ""
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            branding.change_brand(
                actor=request.actor,
                colour=data["colour"],
                mark=data["mark"].read() if data["mark"] else None,
                keep_mark=not data["remove_mark"],
            )
        except branding.TooFaint as refused:
            explain(form, refused)
            offered = branding.nearest(data["colour"].strip().lower(), branding.WHITE)
        except Invalid as refused:
            explain(form, refused)
        else:
            tell(request, "Changed. Pages that signers open from now on look like this.", where)
            return to("signing:brand", where)
    sender = request.actor.label
    context = {"form": form, "row": row, "shades": shades_of(offered or colour), "offered": offered, "sender": sender}
    return render(request, "signing/brand.html", context, status=400 if form.errors else 200)


@require_safe
def mark(request: TenantRequest, **where: str) -> HttpResponse:
    """The mark, as a picture."""
    gate.require(request.actor, Permission.POLICY_CHANGE)
    row = branding.find_brand(request.actor)
    if row is None or not row.mark:
        raise NotFound
    return HttpResponse(b64decode(row.mark), content_type="image/png")
