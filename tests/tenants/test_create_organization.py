"""create_organization and its provisioning."""

import pytest

from audit import selectors as trail
from audit.selectors import Filters
from hq.db.context import tenant
from tenants import actions, selectors
from tenants.actions.organizations import OrganizationNameTaken
from tenants.models import Membership, Organization
from tests.factories import ORIGIN, make_person, make_place, run_jobs

pytestmark = pytest.mark.django_db


def test_it_makes_the_maker_its_owner_and_provisions_everything():
    place = make_place("Alder Peak")
    with tenant(place.id):
        assert Organization.objects.get().state == Organization.State.READY
        assert Membership.objects.get().role == "owner"
        tags = [event.tag for event in trail.list_events(place.actor(), Filters(), before=None, limit=10)]
    assert tags == ["organization:provisioned", "organization:created"]


def test_it_refuses_a_name_whose_address_is_taken():
    make_place("Alder Peak")
    with pytest.raises(OrganizationNameTaken):
        actions.create_organization(person=make_person(), name="Alder  Peak!", region="local", origin=ORIGIN)


def test_it_may_run_its_provisioning_twice_without_doing_it_twice():
    place = make_place()
    run_jobs()
    with tenant(place.id):
        assert len(trail.list_events(place.actor(), Filters(), before=None, limit=10)) == 2


def test_it_shows_a_person_only_their_own_organizations():
    place, other = make_place(), make_place()
    assert [b.slug for b in selectors.list_belongings(place.owner.pk)] == [place.slug]
    assert selectors.find_belonging(place.owner.pk, other.slug) is None
