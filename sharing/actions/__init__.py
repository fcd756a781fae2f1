"""Verbs on share-session links."""

from sharing.actions.archive import archive_of
from sharing.actions.departure import end_links_of
from sharing.actions.expiry import expire_links
from sharing.actions.holding import LinkTokens
from sharing.actions.links import Recipient, create_share, create_shares, membership_of, revoke_share
from sharing.actions.receipts import read_receipt, receipt_of_mine
from sharing.actions.redemption import look_at_link, redeem_share
from sharing.actions.sessions import open_session, still_given
from sharing.actions.transfers import SharedObject, open_shared, put_shared

__all__ = [
    "LinkTokens",
    "Recipient",
    "SharedObject",
    "archive_of",
    "create_share",
    "create_shares",
    "end_links_of",
    "expire_links",
    "look_at_link",
    "membership_of",
    "open_session",
    "open_shared",
    "put_shared",
    "read_receipt",
    "receipt_of_mine",
    "redeem_share",
    "revoke_share",
    "still_given",
]
