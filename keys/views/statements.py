"""Statements that HQ signed, and the keys to check them with."""

import json
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hq.crypto.statements import file_name
from hq.web.portal import public
from hq.web.request import TenantRequest
from keys import selectors
from keys.models import Statement
from keys.views import told

KEPT_SECONDS = 300  # a new key signs within minutes of being made


def statement(request: TenantRequest, id: UUID, **_: str) -> HttpResponse:
    """The file, byte for byte as it was signed."""
    found = selectors.get_statement(request.actor, id)
    name = file_name(json.loads(found.file)["statement"])
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(found.file, content_type="application/json", headers=headers)


def check(request: TenantRequest, id: UUID, **_: str) -> HttpResponse:
    """What the statement says, what it leaves open, and how to check it without HQ."""
    evidence = told.evidence_of(selectors.get_statement(request.actor, id))
    name, rotation = file_name(evidence.body), evidence.statement.kind == Statement.Kind.ROTATION
    address = request.build_absolute_uri("/.well-known/jwks.json")
    context = {
        "evidence": evidence,
        "name": name,
        "steps": "\n".join(evidence.body["check"]),
        "fetch": f"curl -fsS {address} -o jwks.json",
        "verify": f"bin/verify {name} --jwks jwks.json",
        "counts": told.by_size(evidence.body["data" if rotation else "counts"]),
        "counted": "What stands under the new version" if rotation else "What became unreadable",
    }
    return render(request, "keys/statement.html", context)


@public
@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """Every public key that HQ ever signed with (RFC 7517): old statements must stay checkable."""
    response = JsonResponse({"keys": selectors.public_keys()})
    response["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    return response
