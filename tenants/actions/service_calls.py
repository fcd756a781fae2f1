"""Who a service of the deployment asks for (ACC-9)."""

from dataclasses import replace
from uuid import UUID

from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod
from hq.lib.errors import NotFound
from tenants.models import LIVE, TEST, Organization, User
from tenants.selectors.doors import is_at, is_within
from tenants.selectors.places import Belonging, list_belongings


def authenticate_service_call(
    *, user_id: UUID, service: str, organization_id: UUID | None, environment_id: UUID | None, origin: Origin
) -> Actor:
    """The member that a service names, in the organization or the environment that is asked for.

    They may do what they may do there today, as far as services may. The organization's networks and domains hold for
    them here too; its second factors and single sign-on are asked for where people sign in, which is at the service.
    Raises NotFound: no such place, or they are not let in there.
    """
    person = User.objects.filter(pk=user_id, is_active=True).first()
    if person is None:
        raise NotFound
    places = (place for place in list_belongings(person.pk) if _is_asked_for(place, organization_id, environment_id))
    place = next(places, None)
    if place is None or place.state != Organization.State.READY or not _lets_in(place, person, origin):
        raise NotFound
    name = TEST if environment_id == place.test_id else LIVE
    actor = place.actor(person, method=AuthMethod.SERVICE, origin=origin, environment_name=name)
    return replace(actor, label=f"{actor.label}, by the service {service}")


def _is_asked_for(place: Belonging, organization_id: UUID | None, environment_id: UUID | None) -> bool:
    if environment_id is not None:
        return environment_id in {place.live_id, place.test_id} and organization_id in {None, place.organization_id}
    return organization_id == place.organization_id


def _lets_in(place: Belonging, person: User, origin: Origin) -> bool:
    return is_at(person.email, place.email_domains) and (not place.networks or is_within(origin.ip, place.networks))
