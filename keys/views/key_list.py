"""What keys there are and how old. Nothing is changed here yet."""

from django.http import HttpResponse
from django.shortcuts import render

from hq.web.request import TenantRequest
from keys import selectors


def key_list(request: TenantRequest, **_: str) -> HttpResponse:
    """The organization's CMK and the data keys under it, never the keys themselves."""
    return render(request, "keys/list.html", {"keys": selectors.list_keys(request.actor)})
