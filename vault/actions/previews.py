"""Looking at a file without saving it: what can be shown, and the address where the edge shows it for five minutes.

Nothing of a file is ever shown from the portal's own origin. The address is a capability: sealed under a key of the
organization and the environment, it says which sealed file, as what, until when, and is made for whoever may read the
file at that moment. Whoever opens it is asked nothing else.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from hq.authz.actor import Actor, environment_of
from hq.crypto import kdf
from hq.crypto.tokens import BadToken, SealedTokens
from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable
from hq.lib.canonical import canonical
from hq.lib.clock import now
from hq.lib.errors import NotFound
from keys import selectors as keys
from keys.selectors import content_key
from vault.models import Blob, ObjectVersion
from vault.store import Pieces, store_for

HOST = "preview"
LIFE = timedelta(minutes=5)
KIB, MIB = 1024, 1024 * 1024
_INFO = b"hq preview"
TEXT, MARKDOWN, IMAGE, DRAWING, PDF = "text", "markdown", "image", "drawing", "pdf"
# How much of it is shown: of text the beginning, of anything else all or nothing. Of Markdown as much as is rendered in
# a few seconds, whatever is in it.
MOST = {TEXT: MIB, MARKDOWN: 128 * KIB, IMAGE: 25 * MIB, DRAWING: MIB, PDF: 50 * MIB}
CUT = frozenset({TEXT, MARKDOWN})
_BY_ENDING = {
    MARKDOWN: "md markdown",
    IMAGE: "png jpg jpeg gif webp avif",
    DRAWING: "svg",
    PDF: "pdf",
    TEXT: "txt text log csv tsv json jsonl ndjson xml yaml yml toml ini cfg conf env properties html htm css js mjs ts"
    " tsx jsx py rb rs go java kt c h cc cpp hpp cs sh bash ps1 sql r tex rst adoc diff patch tf lock",
}
_KINDS = {ending: kind for kind, endings in _BY_ENDING.items() for ending in endings.split()}


@dataclass(frozen=True, slots=True)
class Preview:
    """Where a version is shown, and as what. `cut`: only its beginning."""

    kind: str
    url: str
    cut: bool


@dataclass(frozen=True, slots=True)
class Previewed:
    """A file that the edge may show: as what, its whole plain size, and how to read it."""

    kind: str
    size: int
    blob: Blob

    def read(self, most: int) -> Pieces:
        """Its first plain bytes, each piece verified. Raises MissingBytes, KeyUnavailable, hq.crypto.aead.Tampered."""
        blob = self.blob
        key = content_key(blob.organization_id, blob.key_version)
        return store_for(blob.bucket.store).open(
            blob.bucket.name, blob.key, content_key=key.key, aad=blob.aad, stop=min(most, self.size)
        )


def preview_origin() -> str:
    """The origin that every preview has, and nothing else."""
    parts = urlsplit(settings.EDGE_URL)
    return f"{parts.scheme}://{HOST}.{parts.netloc}"


def kind_of(version: ObjectVersion) -> str:
    """As what a version can be shown, by its name and then by its type; "" if it cannot."""
    name = version.object.name.lower()
    kind = _KINDS.get(name.rpartition(".")[2], "")
    if not kind and version.content_type.startswith("text/"):
        kind = TEXT
    too_large = kind not in CUT and version.size > MOST.get(kind, 0)
    return "" if too_large else kind


def make_preview(actor: Actor, version: ObjectVersion) -> Preview | None:
    """An address for a version that was read for this actor just now; None if it cannot be shown."""
    kind = kind_of(version)
    if not kind:
        return None
    environment_id = environment_of(actor)
    terms = {
        "blob": str(version.blob_id),
        "kind": kind,
        "size": str(version.size),
        "until": (now() + LIFE).isoformat(timespec="seconds"),
    }
    token = _tokens(actor.organization_id, environment_id).seal(actor.organization_id.bytes, canonical(terms))
    return Preview(kind, f"{preview_origin()}/{environment_id.hex}/{token}", version.size > MOST[kind])


def open_preview(environment_id: UUID, token: str) -> Previewed:
    """What an address stands for. Altered, expired, of somebody else's environment or gone, it looks the same.

    Raises NotFound.
    """
    try:
        organization_id = UUID(bytes=SealedTokens.header_of(token))
        terms = json.loads(_tokens(organization_id, environment_id).open(token))
    except (BadToken, KeyUnavailable):
        raise NotFound from None
    if datetime.fromisoformat(terms["until"]).astimezone(UTC) <= now():
        raise NotFound
    with tenant(organization_id):
        rows = Blob.objects.filter(organization_id=organization_id, pk=terms["blob"], state=Blob.State.STORED)
        blob = rows.filter(environment_id=environment_id).select_related("bucket").first()
    if blob is None:
        raise NotFound  # sealed anew since, or removed
    return Previewed(terms["kind"], int(terms["size"]), blob)


def _tokens(organization_id: UUID, environment_id: UUID) -> SealedTokens:
    material = keys.capability_key(organization_id, environment_id)
    salt = organization_id.bytes + environment_id.bytes
    return SealedTokens(kdf.derive(material.key, info=_INFO, salt=salt))
