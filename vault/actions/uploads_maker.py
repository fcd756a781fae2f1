"""Who made an upload, as they are now: asked again at every step that nobody signs in for."""

from collections.abc import Sequence
from uuid import UUID

from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role, addable, granted
from hq.lib.errors import Denied
from tenants import registry
from tenants import selectors as tenants
from tenants.selectors.doors import is_at
from vault.models import Upload

READ_WITH = ("organization", "bucket", "membership__user", "service_account", "api_key")
# Support by the platform's operator ends with a request for access, which this room does not see: what they upload is
# put together while they wait, and asked of them by their session.
OPERATOR = "operator"


class MakerGone(Denied):
    """Whoever began this upload may not store anything here any more."""


def makers_ids(actor: Actor) -> dict[str, object]:
    """The columns that say whom an upload stands on. Raises MakerGone."""
    return {
        "created_by_kind": actor.kind,
        "created_by_id": actor.id,
        "created_by": actor.label,
        "method": actor.method,
        "api_key_id": actor.id if actor.kind == "api_key" else None,
        **_stands_on(actor),
    }


def _stands_on(actor: Actor) -> dict[str, UUID | None]:
    if actor.kind == OPERATOR:
        return {}
    if actor.role is Role.SERVICE_ACCOUNT:
        return {"service_account_id": actor.principal_id}
    for belonging in tenants.list_belongings(actor.person_id) if actor.person_id else ():
        if belonging.organization_id == actor.organization_id:
            return {"membership_id": belonging.membership_id}
    raise MakerGone


def maker_of(upload: Upload, origin: Origin) -> Actor:
    """The maker, with what they may do now. In the tenant's context, of a row read with READ_WITH. Raises MakerGone."""
    place, key = upload.organization, upload.api_key
    if not tenants.lets_in(place.state) or (key is not None and key.state != "active"):
        raise MakerGone
    role = _role(upload, place.email_domains)
    scopes = _scopes(upload)
    return Actor(
        organization_id=upload.organization_id,
        environment_id=upload.environment_id,
        kind=upload.created_by_kind,
        id=upload.created_by_id,
        label=upload.created_by,
        method=AuthMethod(upload.method),
        permissions=granted(role, by_rules=tenants.opens_by_rules(place.reach)) & scopes,
        within=addable(role) & scopes,
        role=role,
        principal_id=upload.membership_id or upload.service_account_id,
        person_id=upload.membership.user_id if upload.membership else None,
        origin=origin,
    )


def _role(upload: Upload, email_domains: Sequence[str]) -> Role:
    """As for storage credentials, a person who came by themselves still has an address that their place lets in."""
    machine, member = upload.service_account, upload.membership
    if machine is not None and machine.ended_at is None:
        return Role.SERVICE_ACCOUNT
    if member is not None and member.user.is_active:
        if upload.api_key is None and not is_at(member.user.email, email_domains):
            raise MakerGone
        return Role(member.role)
    raise MakerGone


def _scopes(upload: Upload) -> frozenset[Permission]:
    """What the key, or the trust, gives now at most; everything for a person who came by themselves."""
    if upload.created_by_kind == "api_key":
        if upload.api_key is None:
            raise MakerGone
        return frozenset(Permission(scope) for scope in upload.api_key.scopes)
    if upload.created_by_kind == "workload":
        return registry.scopes_now("workload", upload.organization_id, upload.created_by_id)
    return frozenset(Permission)
