"""Leaving: the device may be somebody else's, or the person in front of it may not be who was asked."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from signing.actions import leaving
from signing.views.signer import BELOW, COOKIE, ORIGIN_ONLY, for_signers, go


@for_signers("GET", "HEAD", "POST")
def leave(request: HttpRequest) -> HttpResponseBase:
    """The button ends every session of this browser; then, or without one, the page says how to come back."""
    held = {name: token for name, token in request.COOKIES.items() if token and name.startswith(COOKIE)}
    if request.method == "POST":
        leaving.leave(session_tokens=held.values())
        response = go("sign_leave")
        for name in held:
            response.delete_cookie(name, path=BELOW, samesite="Lax")
        return response
    page: HttpResponse = render(request, "signing/signer/left.html", {"held": held})
    page.headers["Referrer-Policy"] = ORIGIN_ONLY
    return page
