"""What a request says of itself: its address, its id."""

from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import cast

from django.conf import settings
from django.http import HttpRequest

from hq.authz import gate
from hq.authz.actor import Actor, Origin
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.ids import new_id


class TenantRequest(HttpRequest):
    """A request after the tenant middleware: `actor` is always there on tenant routes."""

    actor: Actor
    again: Callable[[], Actor | None]
    searched: dict[str, str]  # what was asked of the trail, for the access log
    origin: Origin
    request_id: str


def identify(request: HttpRequest, actor: Actor) -> None:
    """Say who asks. The view reads it, and the access log after it."""
    cast("TenantRequest", request).actor = actor


def ask_again_by(request: HttpRequest, again: Callable[[], Actor | None]) -> None:
    """Say how to find out who asks once more, later in the same request: None if they could not come in any more."""
    cast("TenantRequest", request).again = again


def may_still(request: HttpRequest, permission: Permission, path: str) -> Callable[[], bool]:
    """For streams: whether they who ask may still do it, asked anew of everything that the next request would be."""
    actor = cast("TenantRequest", request).actor

    def asked() -> bool:
        now = cast("TenantRequest", request).again()
        if now is None or (now.id, now.organization_id) != (actor.id, actor.organization_id):
            return False
        with tenant(now.organization_id):
            return gate.allows(now, permission, path=path)

    return asked


def source_ip(request: HttpRequest) -> str | None:
    """The caller's address. X-Forwarded-For counts only as far as the declared number of proxies reaches."""
    candidate = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXIES:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
        if len(hops) >= settings.TRUSTED_PROXIES:
            candidate = hops[-settings.TRUSTED_PROXIES]
    return _address(candidate)


@lru_cache(maxsize=4096)
def _address(said: str) -> str | None:
    try:
        return str(ip_address(said.partition("%")[0]))  # a zone is of the link it came by, and no column holds one
    except ValueError:
        return None


def request_id(request: HttpRequest) -> str:
    """The id that leads from an answer to the trail; made here, never taken from the caller."""
    known: str | None = getattr(request, "request_id", None)
    if known is None:
        known = f"req_{new_id().hex}"
        cast("TenantRequest", request).request_id = known
    return known


def origin(request: HttpRequest) -> Origin:
    """Address, agent and id of a request."""
    known: Origin | None = getattr(request, "origin", None)
    if known is None:
        agent = request.headers.get("User-Agent", "").encode("utf-8", "replace").decode()[:300]
        known = Origin(ip=source_ip(request), user_agent=agent, request_id=request_id(request))
        cast("TenantRequest", request).origin = known
    return known
