"""How this deployment fetches from addresses that others typed."""

from django.conf import settings

from hq.lib.outbound import OutboundSession, Rules

SECONDS = 5.0  # somebody waits in front of a page


def rules() -> Rules:
    """Where it may lead: plain HTTP to the machine itself only in development, and only if that network is listed."""
    return Rules(settings.OUTBOUND_NETWORKS, plaintext_loopback=not settings.PRODUCTION, seconds=SECONDS)


def outbound() -> OutboundSession:
    """A new session by these rules."""
    return OutboundSession(rules())
