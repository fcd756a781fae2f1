"""The page of encryption keys, and what it is made from."""

from datetime import timedelta

import pytest

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied
from hq.lib.ids import new_id
from keys import actions, selectors
from keys.models import Cmk, DataKey
from keys.providers import KeyState
from keys.selectors import lines
from tests.factories import make_member, make_place, sign_in
from tests.keys.conftest import provisioner, reader

pytestmark = pytest.mark.django_db


@pytest.fixture
def cmk(org, environment_id):
    for each in (environment_id, new_id()):
        actions.provision_environment_keys(actor=provisioner(org), environment_id=each)
    return actions.provision_keys(actor=provisioner(org))


def listed(org, environment_id=None):
    with tenant(org):
        return selectors.list_keys(reader(org, environment_id))


def test_it_lists_the_cmk_and_each_data_key_with_the_capability_key_of_this_environment_only(cmk, org, environment_id):
    keys = listed(org, environment_id)
    assert (keys.cmk.version, keys.cmk.state, keys.cmk.age_days) == (1, "ENABLED", 0)
    assert [key.purpose for key in keys.data_keys] == ["audit", "blind_index", "capability", "content", "metadata"]
    assert {key.state for key in keys.data_keys} == {"CURRENT"}


def test_age_and_the_next_rotation_count_from_the_present_version(cmk, org, monkeypatch):
    today = now() + timedelta(days=10)
    monkeypatch.setattr(lines, "now", lambda: today)
    with tenant(org):
        Cmk.objects.update(rotated_at=today - timedelta(days=143), version=7)
    keys = listed(org)
    assert (keys.cmk.version, keys.cmk.age_days) == (7, 143)
    assert keys.cmk.next_rotation_on == (today + timedelta(days=222)).date()
    assert {key.age_days for key in keys.data_keys} == {10}


def test_what_is_not_in_use_has_no_next_rotation(cmk, org):
    with tenant(org):
        DataKey.objects.filter(purpose="content").update(retired_at=now())
    states = {key.purpose: (key.state, key.next_rotation_on is None) for key in listed(org).data_keys}
    assert (states["content"], states["audit"]) == (("RETIRED", True), ("CURRENT", False))
    with tenant(org):
        Cmk.objects.update(state=KeyState.DISABLED)
    keys = listed(org)
    assert (keys.cmk.state, keys.cmk.next_rotation_on) == ("DISABLED", None)
    assert {key.state for key in keys.data_keys} == {"DISABLED"}


def test_another_organizations_keys_are_not_there(cmk):
    assert listed(new_id()) == selectors.KeyList(None, [])


def test_it_needs_the_permission(cmk, org):
    with pytest.raises(Denied):
        selectors.list_keys(provisioner(org))


@pytest.mark.django_db(transaction=True)  # a refusal undoes the whole transaction
@pytest.mark.parametrize(("role", "status"), [(Role.AUDITOR, 200), (Role.ADMIN, 200), (Role.DEVELOPER, 403)])
def test_the_page_is_for_those_who_may_read_keys(role, status):
    place = make_place()
    answer = sign_in(make_member(place, role)).get(f"/o/{place.slug}/live/keys/")
    assert answer.status_code == status


def test_the_page_shows_every_key_and_no_key_material():
    place = make_place("Alder Peak")
    answer = sign_in(place.owner).get(f"/o/{place.slug}/live/keys/")
    page = answer.content.decode()
    for text in ("Encryption keys", "Made today", "Audit", "Search", "Capability", "Content", "Metadata", "In use"):
        assert text in page
    with tenant(place.id):
        keys = DataKey.objects.all()
        assert len(keys) == 6
        for key in keys:
            assert bytes(key.wrapped or b"?").hex() not in page
    assert selectors.content_key(place.id).key.hex() not in page


def test_before_provisioning_the_page_says_so():
    place = make_place()
    with tenant(place.id):
        Cmk.objects.update(retired_at=now())
        DataKey.objects.update(retired_at=now())
    page = sign_in(place.owner).get(f"/o/{place.slug}/live/keys/").content.decode()
    assert "No keys yet" in page
