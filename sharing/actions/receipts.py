"""The receipt of an opened link: who gave what to whoever held it, when, and where the trail says so (SHR-5).

What was there is kept when the link is opened. The statement is signed when somebody asks for it, once, so that
opening waits for no key.
"""

from typing import Any
from uuid import UUID

from audit import selectors as trail
from audit.tags import Tag
from hq.authz.actor import Actor
from hq.crypto import statements
from hq.db.context import tenant
from hq.lib.errors import Refused
from keys.actions.signing import sign_statement
from sharing import selectors
from sharing.models import ShareLink, ShareReceipt

DOES_NOT_COVER = (
    "Who held the link. HQ knows the address that it was opened from, and nothing else of them.",
    "What was downloaded of it, and what was changed or added after it was opened.",
)


class NotOpened(Refused):
    """Nobody has opened this link, so there is nothing to be receipted."""


def receipt_of_mine(*, actor: Actor) -> tuple[str, bytes]:
    """The file of the receipt and its name, for the recipient. Call it outside of any transaction."""
    with tenant(actor.organization_id):
        return _signed(selectors.get_opened(actor))


def read_receipt(*, actor: Actor, share_id: UUID) -> tuple[str, bytes]:
    """The same file, for whoever sees the link. Raises Denied, NotFound, NotOpened."""
    return _signed(selectors.get_share(actor, share_id))


def _signed(link: ShareLink) -> tuple[str, bytes]:
    rows = ShareReceipt.objects.filter(organization_id=link.organization_id, link_id=link.id)
    receipt = rows.select_for_update(no_key=True).first()
    if receipt is None:
        raise NotOpened
    if receipt.statement is None:
        receipt.statement = sign_statement(_body(link, receipt)).decode()
        receipt.save(update_fields=["statement"])
    return f"share-receipt-{link.id}.json", receipt.statement.encode()


def _body(link: ShareLink, receipt: ShareReceipt) -> dict[str, Any]:
    """What is signed. Every time is UTC."""
    files = receipt.files["files"]
    index, digest = trail.place_of(link.organization_id, link.environment_id, tag=Tag.SHARE_OPENED, target_id=link.id)
    return {
        "type": statements.RECEIPT,
        "organization": {"id": str(link.organization_id), "name": link.organization.name},
        "link": {
            "id": str(link.id),
            "environment": str(link.environment_id),
            "permission": link.permission,
            "fingerprint": bytes(link.nonce_digest).hex(),
            "made_at": statements.timestamp(link.created_at),
        },
        "opened": {"at": statements.timestamp(receipt.created_at), "address": link.opened_ip},
        "event": {"index": index, "hash": digest.hex()},
        "gave": [pin.path for pin in link.pins.all()],
        "files": [{"sha256": file["sha256"], "size": str(file["size"]), "path": file["path"]} for file in files],
        "files_named_whole": not receipt.files["more"],
        "does_not_cover": list(DOES_NOT_COVER),
        "made_by": {"name": link.created_by_label, "purpose": link.purpose},
    }
