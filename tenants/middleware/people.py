"""Who comes to the portal: a person with a session, once they have shown what the organization's policy asks for."""

from time import time
from urllib.parse import urlencode
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import ResolverMatch, reverse

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod
from hq.db.context import tenant
from hq.db.sealing import KeyUnavailable
from hq.lib.errors import Denied, NotFound
from hq.web.portal import person_of
from hq.web.request import origin, source_ip
from tenants import registry, selectors
from tenants.actions.support import SESSION_KEY
from tenants.models import LIVE, WEBAUTHN, Organization
from tenants.selectors import Belonging, Obstacle, Support

ENTERED = "hq.entered"


class NotFromHere(Denied):
    """This organization lets people in from its own networks only. Come from one of those, or ask an admin."""


class NotByThisAddress(Denied):
    """This organization lets people in only with addresses of its own domains. Ask an admin, or change yours."""


class NoWayIn(Denied):
    """This organization asks for its own single sign-on, which is switched off. Its break-glass owner can help."""


class OrganizationSuspended(Denied):
    """This organization is suspended. Nothing is lost; the operator of this HQ can open it again."""


def by_session(request: HttpRequest, match: ResolverMatch) -> Actor | HttpResponse:
    """The actor, or where to go first: what the organization's policy asks comes before anything of it is shown."""
    person, slug = person_of(request), match.kwargs["org_slug"]
    support = _support(request, slug)
    belonging = support or selectors.find_belonging(person.id, slug)
    if belonging is None or belonging.state in Organization.GONE:
        raise NotFound
    if belonging.state == Organization.State.SUSPENDED and support is None:
        raise OrganizationSuspended
    if support is None and (obstacle := _obstacle(request, belonging)) is not None:
        return _lead(request, belonging, obstacle)
    request.belonging = belonging  # type: ignore[attr-defined]
    name = match.kwargs.get("env_name", LIVE)
    actor = belonging.actor(person, method=AuthMethod.SESSION, origin=origin(request), environment_name=name)
    if belonging.state == Organization.State.READY and support is None:
        _enter(request, actor, belonging)
    return actor


def _support(request: HttpRequest, slug: str) -> Support | None:
    """The access that an operator began in this session, as long as it lasts."""
    begun: dict[str, str] = request.session.get(SESSION_KEY, {})
    if slug not in begun:
        return None
    found = selectors.find_support(person_of(request).id, UUID(begun[slug]))
    return found if found is not None and found.slug == slug else None


def _obstacle(request: HttpRequest, belonging: Belonging) -> Obstacle | None:
    asks_for_sso = belonging.sso_required or belonging.mfa_by_provider
    asked = selectors.facts_of(
        request.session,
        person_id=person_of(request).id,
        email=person_of(request).email,
        organization_id=belonging.organization_id,
        at=int(time()),
        ip=source_ip(request),
        seen_at=getattr(request, "seen_at", 0),
        connection=registry.sso_connection if asks_for_sso else None,
    )
    return selectors.find_obstacle(belonging, asked)


def _lead(request: HttpRequest, belonging: Belonging, obstacle: Obstacle) -> HttpResponse:
    """To where the obstacle is met, and back. Raises NotFromHere, NotByThisAddress, NoWayIn."""
    if obstacle is Obstacle.NETWORK:
        raise NotFromHere
    if obstacle is Obstacle.ADDRESS:
        raise NotByThisAddress
    back = request.get_full_path() if request.method == "GET" else request.path
    if obstacle is Obstacle.SSO:
        address = registry.sso_address(belonging.organization_id)
        if not address:
            raise NoWayIn
        return _go(request, f"{address}?{urlencode({'next': back})}")
    if obstacle is Obstacle.OVER:
        logout(request)
        messages.info(request, f"{belonging.name} asks you to sign in again after this long.")
        return _go(request, f"{reverse('account_login')}?{urlencode({'next': back})}")
    if obstacle is Obstacle.FACTOR:
        return _go(request, f"{_factor_page(request, belonging)}?{urlencode({'next': back})}")
    messages.info(request, f"{belonging.name} asks for a second factor. Add one here, then go on.")
    return _go(request, reverse("mfa_index"))


def _factor_page(request: HttpRequest, belonging: Belonging) -> str:
    """Where a factor that counts is asked for. A key first: it cannot be given away to a false page."""
    own = set(Authenticator.objects.filter(user_id=person_of(request).pk).values_list("type", flat=True))
    by_key = WEBAUTHN in own and WEBAUTHN in belonging.mfa_factors
    return reverse("mfa_reauthenticate_webauthn" if by_key else "mfa_reauthenticate")


def _go(request: HttpRequest, url: str) -> HttpResponse:
    if request.headers.get("HX-Request"):  # a part of a page would take in the whole other page
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url)


def _enter(request: HttpRequest, actor: Actor, belonging: Belonging) -> None:
    """The first time that a session comes to an organization, its trail says so.

    While the organization's key cannot be used its trail cannot be written either; the access log of the deployment has
    the request, and the session is entered in the trail once that is possible. Or nobody could look after the key.
    """
    entered: list[str] = request.session.get(ENTERED, [])
    if str(belonging.organization_id) in entered:
        return
    try:
        with tenant(belonging.organization_id):
            recorder.record(
                actor, Tag.SESSION_ENTERED, target=Target("organization", belonging.organization_id, belonging.name)
            )
    except KeyUnavailable:
        return
    request.session[ENTERED] = [*entered, str(belonging.organization_id)]
