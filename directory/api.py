"""SCIM over HTTP, below /scim/v2/{organization}. Every address asks for the directory's token, discovery too."""

from typing import Any
from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from scim2_models import PayloadTooLargeException, UnauthorizedException
from scim2_server.requests import ScimRequest
from scim2_server.responses import SCIM_MEDIA_TYPE, ScimResponse

from directory import scim
from directory.actions.scim_log import Line, note_operations
from directory.actions.scim_tokens import authenticate_directory
from directory.selectors.scim import base_url
from hq.authz.actor import Actor
from hq.db.sealing import KeyUnavailable, on_behalf_of
from hq.lib.errors import Invalid, TooMany, Unauthenticated
from hq.web.errors import ask_to_wait
from hq.web.limits import charge, refuse_unknown
from hq.web.request import identify, origin

_TOO_LARGE = PayloadTooLargeException(detail=f"A body has at most {scim.MOST_BYTES} bytes")


@method_decorator(csrf_exempt, name="dispatch")
class Scim(View):
    """All of SCIM: the library routes what stands below. It keeps to no browser's session, so no form can reach it."""

    def dispatch(self, request: HttpRequest, *args: Any, organization_id: UUID, path: str = "") -> HttpResponse:
        try:
            actor = self._known(request, organization_id)
        except Unauthenticated:
            return _answer(scim.refused(UnauthorizedException(detail="This token is not one of this organization")))
        except TooMany as many:
            refusal = _answer(scim.refused(many))
            ask_to_wait(refusal, many.wait)
            return refusal
        with on_behalf_of(actor.kind, actor.id):
            served = _serve(actor, request, path)
            try:
                note_operations(actor, served.lines)
            except KeyUnavailable as error:
                return _answer(scim.refused(error))  # the access log has it, and nothing else was kept either
        return _answer(served.response)

    def _known(self, request: HttpRequest, organization_id: UUID) -> Actor:
        """The directory that asks, counted as every other machine. Raises Unauthenticated, TooMany."""
        caller = origin(request)
        try:
            actor = authenticate_directory(secret=_bearer(request), organization_id=organization_id, origin=caller)
        except Unauthenticated:
            refuse_unknown(request)
        identify(request, actor)
        charge(request, actor)
        return actor


def _bearer(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _serve(actor: Actor, request: HttpRequest, path: str) -> scim.Served:
    method = request.method or ""
    try:
        body = request.body
    except (RequestDataTooBig, UnreadablePostError) as error:
        refusal = _TOO_LARGE if isinstance(error, RequestDataTooBig) else Invalid("The body broke off.")
        response = scim.refused(refusal)
        line = Line(method=method, resource="", target_id=None, status=response.status, detail="")
        return scim.Served(response, [line])
    asked = ScimRequest(
        method=method,
        base_url=base_url(actor.organization_id),
        path=path.removesuffix(".scim"),
        query={name: str(value) for name, value in request.GET.items()},
        headers=dict(request.headers),
        body=body,
        subject=actor,
    )
    return scim.serve(actor, asked)


def _answer(response: ScimResponse) -> HttpResponse:
    headers = {name: value for name, value in response.headers.items() if name != "Content-Type"}
    if response.body is None:
        return HttpResponse(status=response.status, headers=headers)
    return JsonResponse(response.body, status=response.status, headers=headers, content_type=SCIM_MEDIA_TYPE)


scim_routes = [
    path("", Scim.as_view()),
    path("<path:path>", Scim.as_view()),
]
