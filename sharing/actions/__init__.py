"""Verbs on share-session links."""

from sharing.actions.attempts import note_transfer
from sharing.actions.expiry import expire_links
from sharing.actions.links import create_share, revoke_share
from sharing.actions.redemption import look_at_link, redeem_share
from sharing.actions.sessions import open_session

__all__ = [
    "create_share",
    "expire_links",
    "look_at_link",
    "note_transfer",
    "open_session",
    "redeem_share",
    "revoke_share",
]
