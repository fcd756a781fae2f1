"""Whether a link's maker stands behind it still: a link never gives more than they may do now (SHR-1)."""

from collections.abc import Sequence
from uuid import UUID

from hq.authz.actor import Actor
from hq.authz.levels import ADDED
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role, granted
from hq.lib.errors import Denied
from sharing.models import ShareLink, UploadRequest
from vault import selectors as vault

Made = ShareLink | UploadRequest


def backed(link: Made, paths: Sequence[str]) -> bool:
    """True while the gate would let the maker do, and share, everything that the link or the request gives.

    Makers who left, were demoted or lost a rule, and revoked keys, do not stand behind it. In the tenant's context.
    """
    maker = maker_of(link)
    if maker is None:
        return False
    try:
        for permission in sorted(link.permissions | {Permission.SHARES_CREATE}):
            vault.require_each(maker, permission, paths)
    except Denied:
        return False
    return True


def maker_of(link: Made) -> Actor | None:
    """Who made it, with what they may do now; None once they, their key or their organization are out."""
    organization, membership, key = link.organization, link.membership, link.api_key
    if membership is None or not membership.user.is_active or organization.state in organization.SHUT:
        return None
    by_key = link.created_by_kind == "api_key"
    if by_key and (key is None or key.state != "active"):
        return None
    role = Role(membership.role)
    permissions, within = granted(role, by_rules=organization.reach == organization.Reach.RULES), ADDED
    if key is not None:
        scopes = frozenset(Permission(scope) for scope in key.scopes)
        permissions, within = permissions & scopes, within & scopes
    return Actor(
        organization_id=link.organization_id,
        environment_id=link.environment_id,
        kind=link.created_by_kind,
        id=_id(link),
        label=link.created_by_label,
        method=AuthMethod.API_KEY if by_key else AuthMethod.SESSION,
        permissions=permissions,
        within=within,
        role=role,
        principal_id=membership.id,
        person_id=membership.user_id,
    )


def _id(link: Made) -> UUID:
    made_by: UUID = link.created_by_id
    return made_by
