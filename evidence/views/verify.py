"""Checking what HQ gave out, by anybody: in the browser, where no file leaves the machine, or with a program."""

import json
from functools import cache
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from hq.web.portal import public
from keys import selectors as keys

PROGRAM, ROOTS = "verify", "hq-seal-root.pem"


@cache
def _program() -> bytes:
    """`bin/verify`, as it stands on this server while it runs."""
    return bytes((settings.ROOT / "bin" / PROGRAM).read_bytes())


@public
@require_safe
def verify(request: HttpRequest) -> HttpResponse:
    """The page carries the public keys along, so that nothing is asked of the network once it stands."""
    published = keys.public_keys()
    context = {
        "jwks": json.dumps({"keys": published}),
        "kids": [key["kid"] for key in published],
        "fetch": f"curl -fsS {request.build_absolute_uri('/.well-known/jwks.json')} -o jwks.json"
        f" {request.build_absolute_uri(reverse('seal_root'))} -o {ROOTS}",
        "sha256": sha256(_program()).hexdigest(),
    }
    return render(request, "verify/page.html", context)


@public
@require_safe
def program(request: HttpRequest) -> HttpResponse:
    """The program itself. Its SHA-256 stands on the page, and in every release."""
    headers = {"Content-Disposition": f'attachment; filename="{PROGRAM}"', "Cache-Control": "no-store"}
    return HttpResponse(_program(), content_type="text/x-python; charset=utf-8", headers=headers)
