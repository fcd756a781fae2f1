"""What the holder of a redeemed link may do, asked anew for each request."""

from hq.authz.actor import Actor, Origin
from hq.crypto import secrets
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Unauthenticated
from sharing import selectors
from sharing.actions.backing import backed
from sharing.actions.redemption import recipient


class SessionEnded(Unauthenticated):
    """This session is over or was never there. Ask the person who sent the link for a new one."""


def open_session(*, session_token: str, origin: Origin) -> Actor:
    """The actor that a session token stands for, as long as its link is neither revoked nor left behind by its maker.

    Nothing is remembered between two requests, so a revoked link stops at once. Raises SessionEnded.
    """
    token_digest = secrets.digest(session_token)
    organization_id = selectors.locate_session(token_digest)
    with tenant(organization_id):
        session = selectors.find_session(organization_id, token_digest)
        if session is None or session.expires_at <= now() or session.link.revoked_at:
            raise SessionEnded
        paths = selectors.list_pins(organization_id, session.link_id)
        if not backed(session.link, paths):
            raise SessionEnded
        return recipient(session.link, paths, origin)


def still_given(actor: Actor) -> bool:
    """For streams: whether the recipient's link gives what it gave. What began in time may end after the session."""
    with tenant(actor.organization_id):
        link = selectors.find_link(actor.organization_id, actor.id)
        return (
            link is not None
            and not link.revoked_at
            and backed(link, selectors.list_pins(link.organization_id, link.id))
        )
