"""What the organization's sharing rules let a member publish: they hold for share links and for artifacts alike."""

from uuid import UUID

from artifacts.models import Artifact
from hq.authz.actor import Actor
from tenants import selectors as tenants
from tenants.registry import SharingCap, sharing_cap

_OF = "The sharing rules of your organization"


def membership_of(actor: Actor) -> UUID | None:
    """The membership that a link stands on; behind an API key, that of the key's maker."""
    if actor.person_id is None:
        return None
    belongings = tenants.list_belongings(actor.person_id)
    return next((one.membership_id for one in belongings if one.organization_id == actor.organization_id), None)


def cap_of(actor: Actor) -> SharingCap:
    return sharing_cap(actor.organization_id, membership_of(actor))


def wrong_with_access(cap: SharingCap, kind: str) -> str:
    """Why nobody may be let in like this; "" if they may. What is not by link has no end and names nobody."""
    if kind != Artifact.Access.LINK and (cap.longest_seconds is not None or cap.domains):
        return f"{_OF} say how long or with whom you share, so publish by link."
    if kind == Artifact.Access.OPEN and cap.password_required:
        return f"{_OF} ask for a password on what you share."
    return ""


def wrong_with_life(cap: SharingCap, ttl_seconds: int) -> str:
    if cap.longest_seconds is not None and ttl_seconds > cap.longest_seconds:
        return f"{_OF} let your links live {cap.longest}."
    return ""


def wrong_with_recipient(cap: SharingCap, label: str) -> str:
    if cap.password_required:
        return f"{_OF} ask for a password on each of your links, and links to artifacts have none."
    return "" if cap.lets(label) else f"Name each by an e-mail address at {cap.places}; a sharing rule says so."
