"""Into an organization that is shut nobody comes by an invitation either (ACC-10)."""

import pytest

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import NotFound
from tenants import actions
from tenants.actions.people import NobodyJoins
from tenants.models import Membership, Organization
from tests.factories import ORIGIN, make_person, make_place

pytestmark = pytest.mark.django_db
State = Organization.State


def test_nobody_joins_while_it_is_shut_and_the_invitation_counts_afterwards():
    place, person = make_place(), make_person()
    with tenant(place.id):
        made = actions.invite_member(actor=place.actor(), email=person.email, role=Role.ANALYST)
    token = made.url.rpartition("/")[2]

    def accept(state: State) -> None:
        with tenant(place.id):
            Organization.objects.filter(pk=place.id).update(state=state)
        actions.accept_invitation(person=person, token=token, origin=ORIGIN)

    for state, refusal in ((State.SUSPENDED, NobodyJoins), (State.CLOSED, NotFound)):
        with pytest.raises(refusal):
            accept(state)
    with tenant(place.id):
        assert not Membership.objects.filter(organization_id=place.id, user=person).exists()
    accept(State.READY)
    with tenant(place.id):
        assert Membership.objects.filter(organization_id=place.id, user=person).exists()
