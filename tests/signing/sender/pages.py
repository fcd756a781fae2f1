"""What each page of agreements needs, below `agreements/`: for the table that the permission matrix goes through."""

from hq.authz.permissions import Permission as P

_NEW = ("new", "<uuid:id>/document", "<uuid:id>/people", "<uuid:id>/fields", "<uuid:id>/terms")
_SEEN = ("", "<uuid:id>", "<uuid:id>/progress", "<uuid:id>/review", "templates/", "batches/")
_OF_ALL = ("templates/<uuid:id>", "templates/<uuid:id>/original", "batches/<uuid:id>")
_FILES = ("original", "sealed.pdf", "certificate.json", "bundle.zip")
_OUT = ("remind", "extend", "signers/<uuid:signer_id>/correct")
_OF_A_TEMPLATE = ("text", "fields", "use", "many", "people.csv")

PAGES: dict[str, tuple[P, dict[str, str]]] = {
    **{page: (P.SHARES_CREATE, {}) for page in _NEW},
    **{page: (P.SHARES_READ, {}) for page in (*_SEEN, *_OF_ALL)},
    **{f"<uuid:id>/{name}": (P.SHARES_READ, {}) for name in _FILES},
    **{f"<uuid:id>/{verb}": (P.SHARES_CREATE, {}) for verb in _OUT},
    **{f"<uuid:id>/{verb}": (P.SHARES_REVOKE, {}) for verb in ("void", "remove")},
    **{f"templates/<uuid:id>/{name}": (P.SHARES_CREATE, {}) for name in _OF_A_TEMPLATE},
    "preview": (P.SHARES_CREATE, {"text": "x"}),
    "<uuid:id>/keep-as-template": (P.SHARES_CREATE, {"title": "Again"}),
    "templates/<uuid:id>/keep": (P.RETENTION_CHANGE, {}),
    "templates/<uuid:id>/hold": (P.HOLDS_CHANGE, {}),
    "templates/<uuid:id>/remove": (P.SHARES_REVOKE, {}),
    "batches/<uuid:id>/send": (P.SHARES_CREATE, {}),
    "batches/<uuid:id>/stop": (P.SHARES_REVOKE, {}),
    "brand": (P.POLICY_CHANGE, {}),
    "brand/mark.png": (P.POLICY_CHANGE, {}),
}
# One's own: whoever does not read the trail sees nothing of another's.
OWN = ("<uuid:id>", "batches/<uuid:id>")
