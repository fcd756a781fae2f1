"""Checking the deployment's own trail."""

from audit import actions as trail
from console import selectors
from hq.authz.actor import Actor
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID


def verify_trail(*, actor: Actor) -> tuple[int, str]:
    """Check the deployment's chain from its first event, and keep what was found (AUD-3).

    How many events it has, and what is wrong with it, or "".
    """
    with tenant(PLATFORM_ID):
        verdict = trail.verify_chain(actor=selectors.trail_reader(actor))
    return verdict.length, "" if verdict.ok else f"Broken at event {verdict.first_bad}: {verdict.reason}"
