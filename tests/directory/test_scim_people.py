"""People over SCIM: who comes in, who is out, and whose account it is (ACC-12)."""

import pytest
from django.test import Client

from audit import selectors as trail
from audit.selectors import Filters
from directory.models import Domain, ScimUser
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants.models import Membership, Organization, User
from tests.directory.scim_support import ENTERPRISE, USER, Directory, map_roles, verify
from tests.factories import make_api_key, make_member, make_place, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def directory():
    return Directory()


def member(directory, name):
    with tenant(directory.place.id):
        return Membership.objects.filter(user__email=directory.address(name)).select_related("user").first()


def test_a_new_person_becomes_a_member_as_an_analyst(directory):
    said = {
        "name": {"givenName": "Ada", "familyName": "Byron"},
        "externalId": "00u1",
        "title": "Countess",
        ENTERPRISE: {"department": "Engines"},
        "password": "never-kept-1",
    }
    made = directory.user("ada", **said)
    joined = member(directory, "ada")
    assert (joined.role, joined.user.name) == ("analyst", "Ada Byron")
    read = directory.send("GET", f"Users/{made['id']}").json()
    assert read == made
    assert (read["title"], read["active"], read["externalId"]) == ("Countess", True, "00u1")
    assert read[ENTERPRISE] == {"department": "Engines"}
    assert "password" not in read
    with tenant(directory.place.id):
        assert "never-kept-1" not in str(ScimUser.objects.get().attributes)
        events = trail.list_events(directory.place.actor(), Filters(tag="member:joined"), before=None, limit=5)
    assert (events[0].actor_kind, events[0].method) == ("directory", "directory")


def test_the_role_of_who_comes_is_the_connections_default(directory):
    map_roles(directory.place, {}, default=Role.DEVELOPER)
    directory.user("ada")
    assert member(directory, "ada").role == "developer"


def test_only_addresses_at_a_verified_domain_come_in_and_the_refusal_says_what_to_do(directory):
    foreign = make_place()
    verify(foreign, "foreign.example")
    with tenant(directory.place.id):
        claimed = {"organization_id": directory.place.id, "challenge": "x", "created_by_id": directory.place.owner.pk}
        Domain.objects.create(name="claimed.example", **claimed)
    for address in (
        "eve@claimed.example",
        "eve@foreign.example",
        f"eve@sub.{directory.domain}",
        f"eve@evil-{directory.domain}",
    ):
        answer = directory.send("POST", "Users", {"schemas": [USER], "userName": address})
        assert answer.status_code == 400
        assert answer.json()["scimType"] == "invalidValue"
        assert "Verify the domain" in answer.json()["detail"]
        assert not User.objects.filter(email=address).exists()
    inactive = {"schemas": [USER], "userName": "eve@foreign.example", "active": False}
    assert directory.send("POST", "Users", inactive).status_code == 400


def test_the_primary_address_counts_then_that_of_work_then_the_user_name(directory):
    a, b, c = (directory.address(name) for name in "abc")
    emails = [{"value": a, "type": "home"}, {"value": b, "type": "work"}, {"value": c, "primary": True}]
    directory.send("POST", "Users", {"schemas": [USER], "userName": "one", "emails": emails})
    directory.send("POST", "Users", {"schemas": [USER], "userName": "two", "emails": emails[:2]})
    assert [name for name in "abc" if member(directory, name)] == ["b", "c"]
    assert directory.send("POST", "Users", {"schemas": [USER], "userName": "three"}).status_code == 400


def test_an_address_that_is_a_member_already_is_linked_with_the_role_it_has(directory):
    known = make_member(directory.place, Role.DEVELOPER, email=directory.address("known"))
    directory.user("known")
    assert member(directory, "known").role == "developer"
    with tenant(directory.place.id):
        assert ScimUser.objects.get().person_id == known.pk
    again = {"schemas": [USER], "userName": "other", "emails": [{"value": directory.address("known")}]}
    answer = directory.send("POST", "Users", again)
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")


def test_a_user_name_is_taken_whatever_its_case(directory):
    directory.user("ada")
    answer = directory.send("POST", "Users", {"schemas": [USER], "userName": directory.address("ADA").upper()})
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")


@pytest.mark.parametrize("how", ["patch", "delete"])
def test_who_is_out_at_the_directory_is_out_here_with_the_very_next_request(directory, how):
    made = directory.user("ada")
    person = member(directory, "ada").user
    with tenant(directory.place.id):
        Membership.objects.filter(user=person).update(role=Role.DEVELOPER)
    browser = sign_in(person)
    key = make_api_key(directory.place, frozenset({Permission.OBJECTS_READ}), person=person, role=Role.DEVELOPER)
    page, me = f"/o/{directory.place.slug}/live/files/", {"authorization": f"Bearer {key}"}
    assert browser.get(page).status_code == 200
    assert Client().get("/v1/me", headers=me).status_code == 200

    gone = (
        directory.patch(f"Users/{made['id']}", {"op": "replace", "value": {"active": False}})
        if how == "patch"
        else directory.send("DELETE", f"Users/{made['id']}")
    )
    assert gone.status_code == 204
    assert browser.get(page).status_code == 404
    assert Client().get("/v1/me", headers=me).status_code == 401
    assert User.objects.filter(pk=person.pk, is_active=True).exists()
    read = directory.send("GET", f"Users/{made['id']}")
    assert (read.status_code, read.json().get("active")) == ((200, False) if how == "patch" else (404, None))


def test_who_becomes_active_again_joins_again_as_one_who_is_new(directory):
    made = directory.user("ada")
    first = member(directory, "ada")
    with tenant(directory.place.id):
        Membership.objects.update(role=Role.OWNER)
    directory.patch(f"Users/{made['id']}", {"op": "replace", "path": "active", "value": False})
    assert member(directory, "ada") is None
    directory.patch(f"Users/{made['id']}", {"op": "replace", "path": "active", "value": True})
    again = member(directory, "ada")
    assert (again.user_id, again.role) == (first.user_id, "analyst")
    assert again.pk != first.pk


def test_one_who_is_kept_inactive_has_no_account_and_no_membership(directory):
    made = directory.user("ada", active=False)
    assert made["active"] is False
    assert not User.objects.filter(email=directory.address("ada")).exists()


def test_a_replacement_that_says_nothing_of_active_ends_no_membership(directory):
    made = directory.user("ada")
    said = {"schemas": [USER], "userName": directory.address("ada"), "displayName": "Ada"}
    assert directory.send("PUT", f"Users/{made['id']}", said).json()["active"] is True
    assert member(directory, "ada")


def test_the_last_owner_and_the_owner_for_emergencies_stay(directory):
    owner = directory.place.owner
    domain = owner.email.rpartition("@")[2]
    verify(directory.place, domain)
    made = directory.send("POST", "Users", {"schemas": [USER], "userName": owner.email}).json()
    for answer in (
        directory.patch(f"Users/{made['id']}", {"op": "replace", "path": "active", "value": False}),
        directory.send("DELETE", f"Users/{made['id']}"),
        directory.patch(f"Users/{made['id']}", {"op": "replace", "path": "userName", "value": f"other@{domain}"}),
    ):
        assert answer.status_code == 409
        assert "last owner" in answer.json()["detail"]
    make_member(directory.place, Role.OWNER)
    with tenant(directory.place.id):
        Organization.objects.filter(pk=directory.place.id).update(break_glass_id=owner.pk)
    answer = directory.send("DELETE", f"Users/{made['id']}")
    assert answer.status_code == 409
    assert "single sign-on fails" in answer.json()["detail"]
    with tenant(directory.place.id):
        Organization.objects.filter(pk=directory.place.id).update(break_glass_id=None)
        assert Membership.objects.filter(user=owner, role=Role.OWNER).exists()
    assert directory.send("DELETE", f"Users/{made['id']}").status_code == 204
    with tenant(directory.place.id):
        assert not Membership.objects.filter(user=owner).exists()


def test_another_address_is_another_account_and_nothing_of_the_former_passes_over(directory):
    made = directory.user("ada")
    former = member(directory, "ada")
    with tenant(directory.place.id):
        Membership.objects.filter(pk=former.pk).update(role=Role.ADMIN)
    to = {"op": "replace", "path": "userName", "value": directory.address("lovelace")}
    assert directory.patch(f"Users/{made['id']}", to).status_code == 204
    assert member(directory, "ada") is None
    joined = member(directory, "lovelace")
    assert joined.role == "analyst"
    assert joined.user_id != former.user_id
    assert User.objects.get(pk=former.user_id).email == directory.address("ada")


def test_an_address_outside_the_verified_domains_is_not_followed(directory):
    made = directory.user("ada")
    answer = directory.patch(
        f"Users/{made['id']}", {"op": "replace", "path": "userName", "value": "ada@elsewhere.example"}
    )
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert member(directory, "ada")


def test_a_user_name_may_change_while_the_address_stays(directory):
    made = directory.user("ada", emails=[{"value": directory.address("ada"), "primary": True}])
    before = member(directory, "ada").pk
    directory.patch(f"Users/{made['id']}", {"op": "replace", "path": "userName", "value": "countess"})
    assert member(directory, "ada").pk == before
    assert directory.names('userName eq "COUNTESS"') == ["countess"]


def test_who_is_removed_in_the_portal_reads_as_inactive_to_the_directory(directory):
    made = directory.user("ada")
    browser = sign_in(directory.place.owner)
    where = f"/o/{directory.place.slug}/live/people/{member(directory, 'ada').pk}/remove"
    browser.post(where, {"confirm": directory.address("ada")})
    assert member(directory, "ada") is None
    read = directory.send("GET", f"Users/{made['id']}").json()
    assert read["active"] is False
    assert read["meta"]["version"] != made["meta"]["version"]
    assert read["meta"]["lastModified"] > made["meta"]["lastModified"]
