"""What an organization's OpenID provider says of itself, read once: when it is configured, or when an admin asks."""

from typing import Any

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.limits.seats import waiting_for
from hq.web.openid import read_issuer


def read_provider(*, actor: Actor, issuer: str) -> dict[str, Any]:
    """The part of a connection's `config` that the provider gives: its issuer and its end points.

    Raises:
        Denied: the actor may not change how members sign in.
        NotFetched: something cannot be had, or is at an address that must not be fetched.
        NotAProvider: it is no OpenID provider, calls itself otherwise, or is one that HQ cannot work with.
        Busy: as many threads wait for such servers as may.
    """
    gate.require(actor, Permission.IDENTITY_CHANGE)
    with waiting_for(actor.organization_id):
        return dict(read_issuer(issuer))
