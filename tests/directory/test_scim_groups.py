"""Groups over SCIM: who is in them, what role they give, and whose they are (ACC-12)."""

import pytest
from django.conf import settings

from directory.models import ScimGroup, ScimGroupMember
from hq.authz.levels import Level
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants import actions as tenants
from tenants.actions.groups import GroupOfDirectory
from tenants.models import AclEntry, Group, GroupMember, Membership
from tests.directory.scim_support import GROUP, Directory, map_roles
from tests.factories import make_member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def directory():
    return Directory()


def inside(directory, name):
    """The local parts of the addresses of whoever is in the group in HQ."""
    with tenant(directory.place.id):
        rows = GroupMember.objects.filter(group__name=name).values_list("membership__user__email", flat=True)
        return sorted(email.partition("@")[0] for email in rows)


def roles(directory):
    with tenant(directory.place.id):
        rows = Membership.objects.exclude(user=directory.place.owner).values_list("user__email", "role")
        return {email.partition("@")[0]: role for email, role in rows}


def test_a_group_of_the_directory_is_a_group_like_any_other_that_people_cannot_change(directory):
    ada = directory.user("ada")
    made = directory.group("Engines", ada["id"])
    location = f"{settings.BASE_URL}{directory.base}/Users/{ada['id']}"
    assert made["members"] == [{"value": ada["id"], "$ref": location, "type": "User"}]
    assert inside(directory, "Engines") == ["ada"]
    with tenant(directory.place.id):
        group = Group.objects.get(name="Engines")
        assert group.source == Group.Source.DIRECTORY
        with pytest.raises(GroupOfDirectory):
            tenants.rename_group(actor=directory.place.actor(), group_id=group.id, name="Mine")


def test_a_name_that_is_taken_by_a_group_of_hq_is_refused(directory):
    with tenant(directory.place.id):
        kept = tenants.create_group(actor=directory.place.actor(), name="Engines")
    answer = directory.send("POST", "Groups", {"schemas": [GROUP], "displayName": "ENGINES"})
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    with tenant(directory.place.id):
        assert Group.objects.get().id == kept.id
        assert not ScimGroup.objects.exists()


def test_members_come_and_go_and_the_version_moves_with_them(directory):
    ada, bob = directory.user("ada"), directory.user("bob")
    made = directory.group("Engines", ada["id"])
    path = f"Groups/{made['id']}"
    added = directory.patch(path, {"op": "add", "path": "members", "value": [{"value": bob["id"]}]})
    assert (added.status_code, inside(directory, "Engines")) == (204, ["ada", "bob"])
    assert added["ETag"] != made["meta"]["version"]
    gone = directory.patch(path, {"op": "remove", "path": f'members[value eq "{ada["id"]}"]'})
    assert (gone.status_code, inside(directory, "Engines")) == (204, ["bob"])
    same = directory.patch(path, {"op": "remove", "path": f'members[value eq "{ada["id"]}"]'})
    assert (same.status_code, same["ETag"]) == (204, gone["ETag"])


def test_nobody_is_put_in_a_group_whom_the_directory_does_not_keep(directory):
    foreign = Directory(domain="foreign.example").user("eve")
    made = directory.group("Engines")
    for value in (foreign["id"], made["id"], "not-an-id"):
        answer = directory.patch(f"Groups/{made['id']}", {"op": "add", "path": "members", "value": [{"value": value}]})
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert inside(directory, "Engines") == []


def test_who_comes_back_is_in_their_groups_again(directory):
    ada = directory.user("ada")
    directory.group("Engines", ada["id"])
    directory.patch(f"Users/{ada['id']}", {"op": "replace", "path": "active", "value": False})
    assert inside(directory, "Engines") == []
    assert directory.names(f'members.value eq "{ada["id"]}"', "Groups") == ["Engines"]
    directory.patch(f"Users/{ada['id']}", {"op": "replace", "path": "active", "value": True})
    assert inside(directory, "Engines") == ["ada"]


def test_removing_a_person_takes_them_out_of_groups_whose_version_moves(directory):
    ada = directory.user("ada")
    made = directory.group("Engines", ada["id"])
    directory.send("DELETE", f"Users/{ada['id']}")
    read = directory.send("GET", f"Groups/{made['id']}").json()
    assert "members" not in read
    assert read["meta"]["version"] != made["meta"]["version"]


def test_removing_a_group_takes_its_access_and_leaves_its_people(directory):
    ada = directory.user("ada")
    made = directory.group("Engines", ada["id"])
    with tenant(directory.place.id):
        tenants.give_access(actor=directory.place.actor(), prefix="plans/", level=Level.READ, group_id=made["id"])
    assert directory.send("DELETE", f"Groups/{made['id']}").status_code == 204
    with tenant(directory.place.id):
        left = (Group, ScimGroup, ScimGroupMember, AclEntry)
        assert [model.objects.count() for model in left] == [0, 0, 0, 0]
    assert roles(directory) == {"ada": "analyst"}


def test_groups_give_the_strongest_of_their_roles_and_leaving_them_takes_it(directory):
    map_roles(directory.place, {"Engines": "developer", "Heads": "admin", "Kings": "owner"})
    ada = directory.user("ada")
    engines = directory.group("engines", ada["id"])
    assert roles(directory) == {"ada": "developer"}
    heads = directory.group("Heads", ada["id"])
    assert roles(directory) == {"ada": "admin"}
    directory.group("Kings", ada["id"])
    assert roles(directory) == {"ada": "admin"}
    directory.patch(f"Groups/{heads['id']}", {"op": "remove", "path": "members"})
    assert roles(directory) == {"ada": "developer"}
    directory.patch(f"Groups/{engines['id']}", {"op": "replace", "path": "displayName", "value": "Looms"})
    assert roles(directory) == {"ada": "analyst"}


def test_without_roles_for_groups_a_role_given_by_hand_stays(directory):
    map_roles(directory.place, {})
    ada = directory.user("ada")
    with tenant(directory.place.id):
        Membership.objects.exclude(user=directory.place.owner).update(role=Role.AUDITOR)
    made = directory.group("Engines", ada["id"])
    directory.send("DELETE", f"Groups/{made['id']}")
    assert roles(directory) == {"ada": "auditor"}


def test_an_owner_keeps_that_role_whatever_the_groups_say(directory):
    map_roles(directory.place, {"Engines": "developer"})
    make_member(directory.place, Role.OWNER, email=directory.address("ada"))
    ada = directory.user("ada")
    directory.group("Engines", ada["id"])
    assert roles(directory) == {"ada": "owner"}


def test_one_who_comes_back_gets_the_role_of_their_groups(directory):
    map_roles(directory.place, {"Engines": "developer"})
    ada = directory.user("ada", active=False)
    directory.group("Engines", ada["id"])
    directory.patch(f"Users/{ada['id']}", {"op": "replace", "path": "active", "value": True})
    assert (roles(directory), inside(directory, "Engines")) == ({"ada": "developer"}, ["ada"])
