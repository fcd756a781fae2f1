"""Verbs on share-session links."""

from sharing.actions.archive import archive_of
from sharing.actions.departure import end_links_of
from sharing.actions.expiry import expire_links, expire_requests
from sharing.actions.holding import LinkTokens
from sharing.actions.links import Recipient, create_share, create_shares, membership_of, revoke_share
from sharing.actions.receipts import read_receipt, receipt_of_mine
from sharing.actions.receiving import look_at_request, receive_file, still_taken
from sharing.actions.redemption import look_at_link, redeem_share
from sharing.actions.requests import Limits, close_request, create_request
from sharing.actions.sessions import open_session, still_given
from sharing.actions.transfers import SharedObject, open_shared, put_shared

__all__ = [
    "Limits",
    "LinkTokens",
    "Recipient",
    "SharedObject",
    "archive_of",
    "close_request",
    "create_request",
    "create_share",
    "create_shares",
    "end_links_of",
    "expire_links",
    "expire_requests",
    "look_at_link",
    "look_at_request",
    "membership_of",
    "open_session",
    "open_shared",
    "put_shared",
    "read_receipt",
    "receipt_of_mine",
    "receive_file",
    "redeem_share",
    "revoke_share",
    "still_given",
    "still_taken",
]
