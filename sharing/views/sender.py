"""What a stranger sees who was asked for files. They send, and are told what came; of the folder they see nothing."""

from functools import partial

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render

from hq.lib.errors import Problem
from hq.web import transfer
from hq.web.request import origin
from sharing import actions
from sharing.actions.receiving import Received
from sharing.models import UploadRequest
from sharing.views.forms_sent import sent_by_form
from sharing.views.recipient import for_recipients, with_form


@for_recipients
def request_page(request: HttpRequest, token: str) -> HttpResponseBase:
    """Who asks, what for, until when and how much. POST takes the files of a form that was sent without a script."""
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
    sending = request.method == "POST"
    asked = actions.look_at_request(token=token, origin=origin(request), sending=sending)
    if not sending:
        return _page(request, token, asked)
    came: list[Received] = []
    try:
        for name, body in sent_by_form(request):
            came.append(actions.receive_file(token=token, name=name, body=body, origin=origin(request)))
    except Problem as refused:
        if refused.status == 404:
            raise
        return _page(request, token, asked, came, refused)
    return _page(request, token, actions.look_at_request(token=token, origin=origin(request), sending=True), came)


def _page(
    request: HttpRequest,
    token: str,
    asked: UploadRequest,
    came: list[Received] | None = None,
    refused: Problem | None = None,
) -> HttpResponse:
    context = {
        "asked": asked,
        "owner": asked.organization.name,
        "token": token,
        "host": request.get_host(),
        "address": origin(request).ip,
        "left": max(0, asked.files_most - asked.files),
        "left_size": max(0, asked.size_most - asked.size),
        "came": came or [],
        "refused": refused,
    }
    status = refused.status if refused else 200
    return with_form(render(request, "sharing/send.html", context, status=status))


@for_recipients
def send_file(request: HttpRequest, token: str, name: str) -> HttpResponseBase:
    """PUT one file under a name. The answer says what came whole, and not what it is called now."""
    if request.method != "PUT":
        return HttpResponse(status=405, headers={"Allow": "PUT"})
    asked = actions.look_at_request(token=token, origin=origin(request), sending=True)
    body = transfer.body(request, partial(actions.still_taken, asked))
    came = actions.receive_file(token=token, name=name, body=body, origin=origin(request))
    return JsonResponse({"name": came.name, "size": came.size, "sha256": came.sha256}, status=201)
