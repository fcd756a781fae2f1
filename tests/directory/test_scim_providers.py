"""What Microsoft Entra ID and Okta really send, in the order in which they send it."""

import pytest

from hq.db.context import tenant
from tenants.models import GroupMember, Membership
from tests.directory.scim_support import ENTERPRISE, GROUP, PATCH, USER, Directory

pytestmark = pytest.mark.django_db(transaction=True)
ADSCIM = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"


@pytest.fixture
def directory():
    return Directory()


def members(directory):
    with tenant(directory.place.id):
        rows = Membership.objects.exclude(user=directory.place.owner).values_list("user__email", flat=True)
        return sorted(email.partition("@")[0] for email in rows)


def inside(directory):
    with tenant(directory.place.id):
        rows = GroupMember.objects.values_list("membership__user__email", flat=True)
        return sorted(email.partition("@")[0] for email in rows)


def entra_user(directory, name):
    """As Entra makes one: with members that the schema does not know, and lists that are empty."""
    mail = directory.address(name)
    return {
        "schemas": [USER, ENTERPRISE],
        "externalId": f"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef-{name}",
        "userName": mail,
        "active": True,
        "displayName": "Ada Byron",
        "emails": [{"primary": True, "type": "work", "value": mail}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Ada Byron", "familyName": "Byron", "givenName": "Ada"},
        "roles": [],
        "extensionAttribute1": "x",
    }


def test_entra_connects_makes_changes_disables_enables_and_deletes_a_person(directory):
    mail = directory.address("ada")
    assert directory.find("Users", 'userName eq "0c95c1f2-no-such-user"') == []
    made = directory.send("POST", "Users?aadOptscim062020", entra_user(directory, "ada")).json()
    path = f"Users/{made['id']}"
    assert directory.find("Users", f'externalId eq "{made["externalId"]}"')[0]["id"] == made["id"]
    assert directory.find("Users", f'emails[type eq "work"].value eq "{mail}"')[0]["id"] == made["id"]

    changed = directory.patch(
        path,
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": directory.address("ada.l")},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+44 20"},
        {"op": "Replace", "path": "name.familyName", "value": "Lovelace"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Engines"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "26118915-6090-4610-87e4-49d8ca9f808d"},
        {"op": "Add", "path": "extensionAttribute1", "value": "dropped"},
    )
    assert changed.status_code == 204, changed.content
    read = directory.send("GET", path).json()
    assert (read["emails"][0]["value"], read["name"]["familyName"]) == (directory.address("ada.l"), "Lovelace")
    assert read["phoneNumbers"] == [{"value": "+44 20", "type": "mobile"}]
    assert (read[ENTERPRISE]["department"], "extensionAttribute1" in read) == ("Engines", False)
    assert read[ENTERPRISE]["manager"]["value"].startswith("26118915")
    assert members(directory) == ["ada.l"]

    rootless = {"op": "Replace", "value": {f"{ENTERPRISE}:department": "Looms", "name.givenName": "A", "title": "T"}}
    assert directory.patch(path, rootless).status_code == 204
    read = directory.send("GET", path).json()
    assert (read[ENTERPRISE]["department"], read["name"]["givenName"], read["title"]) == ("Looms", "A", "T")

    assert directory.patch(path, {"op": "Replace", "path": "active", "value": "False"}).status_code == 204
    assert members(directory) == []
    assert directory.find("Users", f'userName eq "{mail}"')[0]["active"] is False
    assert directory.patch(path, {"op": "Replace", "path": "active", "value": "True"}).status_code == 204
    assert members(directory) == ["ada.l"]
    assert directory.send("DELETE", path).status_code == 204
    assert directory.send("GET", path).status_code == 404


def test_entra_makes_a_group_and_moves_people_in_and_out(directory):
    ada = directory.send("POST", "Users", entra_user(directory, "ada")).json()["id"]
    bob = directory.send("POST", "Users", entra_user(directory, "bob")).json()["id"]
    said = {
        "schemas": [GROUP, ADSCIM],
        "externalId": "8aa1",
        "displayName": "Engines",
        "meta": {"resourceType": "Group"},
    }
    made = directory.send("POST", "Groups", said)
    assert (made.status_code, made.json()["schemas"]) == (201, [GROUP])
    path = f"Groups/{made.json()['id']}"
    found = directory.find("Groups", 'displayName eq "Engines"', excludedAttributes="members")
    assert (len(found), "members" in found[0]) == (1, False)

    def move(op, *ids):
        value = [{"$ref": None, "value": each} for each in ids]
        assert directory.patch(path, {"op": op, "path": "members", "value": value}).status_code == 204
        return inside(directory)

    assert move("Add", ada, bob) == ["ada", "bob"]
    assert move("Remove", ada) == ["bob"]
    assert directory.patch(path, {"op": "Replace", "path": "displayName", "value": "Looms"}).status_code == 204
    assert directory.send("GET", f"{path}?excludedAttributes=members").json()["displayName"] == "Looms"
    assert directory.send("DELETE", path).status_code == 204
    assert members(directory) == ["ada", "bob"]


def okta_user(directory, name):
    mail = directory.address(name)
    return {
        "schemas": [USER],
        "userName": mail,
        "name": {"givenName": "Ada", "familyName": "Byron"},
        "emails": [{"primary": True, "value": mail, "type": "work"}],
        "displayName": "Ada Byron",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    }


def test_okta_finds_makes_replaces_deactivates_and_reactivates_a_person(directory):
    mail = directory.address("ada")
    assert directory.find("Users", f'userName eq "{mail}"', startIndex="1", count="100") == []
    made = directory.send("POST", "Users", okta_user(directory, "ada"))
    assert (made.status_code, "password" in made.json()) == (201, False)
    path = f"Users/{made.json()['id']}"
    said = directory.send("GET", path).json()
    replaced = directory.send(
        "PUT", path, said | {"name": {"givenName": "Ada", "familyName": "Lovelace"}, "groups": []}
    )
    assert (replaced.status_code, replaced.json()["name"]["familyName"]) == (200, "Lovelace")
    assert directory.send("PUT", path, said | {"active": False}).json()["active"] is False
    assert members(directory) == []
    assert directory.patch(path, {"op": "replace", "value": {"active": True}}).status_code == 204
    assert members(directory) == ["ada"]


def test_okta_pushes_a_group_by_put_and_renames_it_with_its_id(directory):
    ada = directory.send("POST", "Users", okta_user(directory, "ada")).json()["id"]
    bob = directory.send("POST", "Users", okta_user(directory, "bob")).json()["id"]
    assert directory.send("GET", "Groups?startIndex=1&count=100").json()["totalResults"] == 0
    said = {"schemas": [GROUP], "displayName": "Test SCIMv2", "members": []}
    made = directory.send("POST", "Groups", said).json()
    path = f"Groups/{made['id']}"
    named = {"op": "replace", "value": {"id": made["id"], "displayName": "Test SCIMv22"}}
    assert directory.send("PATCH", path, {"schemas": [PATCH], "Operations": [named]}).status_code == 204
    put = said | {"id": made["id"], "displayName": "Test SCIMv22", "members": [{"value": ada, "display": "Ada"}]}
    assert directory.send("PUT", path, put).status_code == 200
    assert inside(directory) == ["ada"]
    both = [
        {"op": "remove", "path": f'members[value eq "{ada}"]'},
        {"op": "add", "path": "members", "value": [{"value": bob, "display": directory.address("bob")}]},
    ]
    assert directory.patch(path, *both).status_code == 204
    assert inside(directory) == ["bob"]
    whole = {"op": "replace", "path": "members", "value": [{"value": ada, "display": "Ada"}]}
    assert directory.patch(path, whole).status_code == 204
    assert inside(directory) == ["ada"]
    assert directory.send("PUT", path, put | {"members": []}).status_code == 200
    assert inside(directory) == []
