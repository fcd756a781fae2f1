"""Acts on agreements over /v1, in an order in which each can be done: what each needs, asks with, and answers."""

from typing import Any

from hq.authz.permissions import Permission as P
from tests.signing.support import TABLE, pdf_of

SIGNER = {"name": "Sam Signer", "email": "sam@signer.example"}
FIELD = {"signer": 1, "kind": "signature", "page": 1, "x": 0, "y": 0, "width": 300_000, "height": 50_000}
PEOPLE = {"table": TABLE.decode()}
ROWS: list[tuple[Any, ...]] = [
    ("agreements", "GET", P.SHARES_READ),
    ("agreements", "POST", P.SHARES_CREATE, {"title": "x", "text": "[[signature:1]]"}, 201),
    ("agreements/<uuid:id>", "GET", P.SHARES_READ),
    ("agreements/<uuid:id>", "PATCH", P.SHARES_CREATE, {"title": "Renamed"}),
    ("agreements/<uuid:id>/signers", "PUT", P.SHARES_CREATE, {"signers": [SIGNER]}),
    ("agreements/<uuid:id>/document", "PUT", P.SHARES_CREATE, pdf_of(2)),
    ("agreements/<uuid:id>/document", "GET", P.SHARES_READ),
    ("agreements/<uuid:id>/fields", "PUT", P.SHARES_CREATE, {"fields": [FIELD]}),
    ("agreements/<uuid:id>/send", "POST", P.SHARES_CREATE),
    ("agreements/<uuid:id>/remind", "POST", P.SHARES_CREATE),
    ("agreements/<uuid:id>/extend", "POST", P.SHARES_CREATE, {"days": 60}),
    ("agreements/<uuid:id>/signers/<uuid:signer_id>/correct", "POST", P.SHARES_CREATE, SIGNER),
    ("agreements/<uuid:id>/certificate", "GET", P.SHARES_READ),
    ("agreements/<uuid:id>/pdf", "GET", P.SHARES_READ, None, 409),  # nobody has signed
    ("agreements/<uuid:id>/bundle", "GET", P.SHARES_READ, None, 409),
    ("agreements/<uuid:id>/void", "POST", P.SHARES_REVOKE, {"reason": "why"}),
    ("agreement-templates", "GET", P.SHARES_READ),
    (
        "agreement-templates",
        "POST",
        P.SHARES_CREATE,
        {"agreement_id": "<agreement>", "name": "Another"},
        201,
        P.SHARES_READ,
    ),
    ("agreement-templates/<uuid:id>", "GET", P.SHARES_READ),
    (
        "agreement-templates/<uuid:id>/use",
        "POST",
        P.SHARES_CREATE,
        {"title": "x", "people": [SIGNER]},
        201,
        P.SHARES_READ,
    ),
    ("agreement-templates/<uuid:id>", "PATCH", P.SHARES_CREATE, {"name": "Renamed"}),
    ("agreement-templates/<uuid:id>/text", "GET", P.SHARES_CREATE, None, 400),  # it is a PDF
    ("agreement-templates/<uuid:id>/text", "PUT", P.SHARES_CREATE, {"text": "x"}, 400, P.SHARES_READ),
    ("agreement-batches", "GET", P.SHARES_READ),
    ("agreement-batches/<uuid:id>", "GET", P.SHARES_READ),
    ("agreement-batches/<uuid:id>/send", "POST", P.SHARES_CREATE, None, 200, P.SHARES_READ),
    ("agreement-batches/<uuid:id>/stop", "POST", P.SHARES_REVOKE, None, 200, P.SHARES_READ),
    ("agreement-templates/<uuid:id>/tables", "POST", P.SHARES_CREATE, PEOPLE, 201, P.SHARES_READ),
    ("agreement-brand", "GET", P.SHARES_READ),
    ("agreement-retention", "GET", P.AUDIT_READ),
    ("agreement-templates/<uuid:id>", "DELETE", P.SHARES_REVOKE, None, 204),
    ("agreements/<uuid:id>", "DELETE", P.SHARES_REVOKE, None, 409),  # a hold keeps it
]
