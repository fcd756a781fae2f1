"""Verbs on share-session links."""

from sharing.actions.departure import end_links_of
from sharing.actions.expiry import expire_links
from sharing.actions.holding import LinkTokens
from sharing.actions.links import create_share, revoke_share
from sharing.actions.redemption import look_at_link, redeem_share
from sharing.actions.sessions import open_session, still_given
from sharing.actions.transfers import SharedObject, open_shared, put_shared

__all__ = [
    "LinkTokens",
    "SharedObject",
    "create_share",
    "end_links_of",
    "expire_links",
    "look_at_link",
    "open_session",
    "open_shared",
    "put_shared",
    "redeem_share",
    "revoke_share",
    "still_given",
]
