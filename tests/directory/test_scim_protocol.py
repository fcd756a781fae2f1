"""SCIM as it is spoken: filters, pages, versions, bulk, discovery."""

import json

import pytest

from directory.models import ScimUser
from directory.scim import storage
from hq.db.context import tenant
from tests.directory.scim_support import BULK, SCIM, USER, Directory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def directory():
    return Directory()


def test_filters_that_directories_send_find_by_the_database_alone(directory, monkeypatch):
    monkeypatch.setattr(storage, "SCAN_MOST", -1)  # whatever would be looked through is refused
    ada = directory.user("ada", externalId="Ext-1", emails=[{"value": directory.address("ada"), "type": "work"}])
    bob = directory.user("bob", active=False)
    group = directory.group("Engines", ada["id"])
    mail, moment = directory.address("ADA"), ada["meta"]["lastModified"]
    for asked, found in {
        f'userName eq "{mail}"': ["ada"],
        f'urn:ietf:params:scim:schemas:core:2.0:User:userName eq "{mail}"': ["ada"],
        'externalId eq "Ext-1"': ["ada"],
        'externalId eq "ext-1"': [],
        f'emails.value eq "{mail}"': ["ada"],
        f'emails[value eq "{mail}"]': ["ada"],
        f'id eq "{bob["id"]}"': ["bob"],
        'id eq "no id of ours"': [],
        f'id eq "{bob["id"].upper()}"': [],
        "active eq true": ["ada"],
        "active eq false": ["bob"],
        f'meta.lastModified gt "{moment}"': ["bob"],
        f'meta.lastModified ge "{moment}"': ["ada", "bob"],
        f'userName eq "{mail}" and active eq false': [],
        f'userName eq "{mail}" or active eq false': ["ada", "bob"],
        'userName eq "nobody"': [],
    }.items():
        assert directory.names(asked) == found, asked
    for asked, found in {
        'displayName eq "ENGINES"': ["Engines"],
        f'members.value eq "{ada["id"]}"': ["Engines"],
        f'members[value eq "{bob["id"]}"]': [],
        f'id eq "{group["id"]}"': ["Engines"],
    }.items():
        assert directory.names(asked, "Groups") == found, asked


def test_a_filter_that_has_to_be_judged_row_by_row_is_bounded(directory, monkeypatch):
    for name in ("ada", "bob"):
        mail = {"value": directory.address(name), "type": "work"}
        directory.user(name, title="Countess", emails=[mail])
    assert directory.names('title co "count"') == ["ada", "bob"]
    for kind, found in (("work", ["ada"]), ("home", [])):
        assert directory.names(f'emails[type eq "{kind}" and value eq "{directory.address("ada")}"]') == found
    monkeypatch.setattr(storage, "SCAN_MOST", 1)
    answer = directory.client.get(
        f"{directory.base}/Users", {"filter": "title pr"}, headers={"authorization": f"Bearer {directory.token}"}
    )
    assert (answer.status_code, answer.json()["scimType"]) == (400, "tooMany")
    narrowed = f'userName eq "{directory.address("ada")}" and title pr'
    assert directory.names(narrowed) == ["ada"]


def test_pages_hold_at_most_200_and_every_one_once(directory):
    for number in range(5):
        directory.user(f"p{number}")

    def page(**asked):
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        return directory.send("GET", f"Users?{query}").json()

    first, last = page(startIndex=1, count=2), page(startIndex=5, count=2)
    assert (first["totalResults"], first["itemsPerPage"], first["startIndex"]) == (5, 2, 1)
    assert (last["itemsPerPage"], last["Resources"][0]["userName"]) == (1, directory.address("p4"))
    assert page(startIndex=9, count=2)["itemsPerPage"] == 0
    assert page(count=0)["totalResults"] == 5
    assert page(startIndex=-3, count=100_000)["itemsPerPage"] == 5
    down = page(sortBy="userName", sortOrder="descending", count=2)["Resources"]
    assert [each["userName"].partition("@")[0] for each in down] == ["p4", "p3"]
    assert directory.send("GET", "ServiceProviderConfig").json()["filter"]["maxResults"] == 200


def test_a_page_never_holds_more_than_200_whatever_is_asked(directory):
    with tenant(directory.place.id):
        ScimUser.objects.bulk_create(
            ScimUser(
                organization_id=directory.place.id,
                user_name=f"p{number}",
                user_name_index=number.to_bytes(2),
                address="x",
                attributes={},
            )
            for number in range(201)
        )
    found = directory.send("GET", "Users?count=1000").json()
    assert (found["totalResults"], found["itemsPerPage"]) == (201, 200)


def test_versions_are_compared_and_move_only_with_a_change(directory):
    made = directory.user("ada")
    path, version = f"Users/{made['id']}", made["meta"]["version"]
    assert directory.send("GET", path)["ETag"] == version
    assert directory.send("GET", path, if_none_match=version).status_code == 304
    change = {"op": "replace", "path": "title", "value": "Countess"}
    assert directory.patch(path, change, if_match='W/"99"').status_code == 412
    assert "title" not in directory.send("GET", path).json()
    changed = directory.patch(path, change, if_match=version)
    assert (changed.status_code, changed["ETag"] != version) == (204, True)
    assert directory.patch(path, change)["ETag"] == changed["ETag"]
    read = directory.send("GET", path).json()
    assert read["meta"]["lastModified"] > made["meta"]["lastModified"]
    assert read["meta"]["created"] == made["meta"]["created"]
    assert directory.send("DELETE", path, if_match=version).status_code == 412
    assert directory.send("DELETE", path, if_match=changed["ETag"]).status_code == 204


def test_only_what_is_asked_for_is_shown(directory):
    made = directory.user("ada", title="Countess")
    kept = directory.send("GET", f"Users/{made['id']}?attributes=title").json()
    assert set(kept) == {"schemas", "id", "title"}
    less = directory.send("GET", f"Users/{made['id']}?excludedAttributes=title,meta").json()
    assert not {"title", "meta"} & set(less)
    group = directory.group("Engines", made["id"])
    assert directory.send("GET", f"Groups/{group['id']}").json() == group
    assert "members" not in directory.send("GET", f"Groups/{group['id']}?excludedAttributes=members").json()
    assert "members" not in directory.send("GET", "Groups?attributes=displayName").json()["Resources"][0]
    assert "members" in directory.send("GET", "Groups").json()["Resources"][0]


def test_a_search_is_posted_too_and_covers_both_kinds_at_the_root(directory):
    ada = directory.user("ada")
    directory.group("Engines", ada["id"])
    search = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "userName pr"}
    assert directory.send("POST", "Users/.search", search).json()["totalResults"] == 1
    assert directory.send("POST", ".search", search).json()["totalResults"] == 1
    assert directory.send("GET", "").json()["totalResults"] == 2


def test_a_bulk_request_does_what_it_can_and_says_what_not(directory):
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"schemas": [USER], "userName": "no address"}},
        {
            "method": "POST",
            "path": "/Groups",
            "bulkId": "g",
            "data": {"displayName": "Engines", "members": [{"value": "bulkId:b"}]},
        },
        {
            "method": "POST",
            "path": "/Users",
            "bulkId": "b",
            "data": {"schemas": [USER], "userName": directory.address("bob")},
        },
    ]
    answer = directory.send("POST", "Bulk", {"schemas": [BULK], "Operations": operations})
    assert answer.status_code == 200
    assert [each["status"] for each in answer.json()["Operations"]] == ["400", "201", "201"]
    assert directory.names("active eq true") == ["bob"]
    assert directory.find("Groups", 'displayName eq "Engines"')[0]["members"][0]["value"]


def test_a_bulk_request_is_bounded_in_number_and_size(directory):
    one = {"method": "DELETE", "path": "/Users/x"}
    many = directory.send("POST", "Bulk", {"schemas": [BULK], "Operations": [one] * 101})
    large = directory.send("POST", "Bulk", {"schemas": [BULK], "Operations": [one | {"data": "x" * 1024 * 1024}]})
    assert (many.status_code, large.status_code) == (413, 413)
    assert large["Content-Type"] == SCIM
    assert many.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]


def test_discovery_tells_what_is_there_and_only_to_the_directory(directory):
    config = directory.send("GET", "ServiceProviderConfig").json()
    assert [config[name]["supported"] for name in ("patch", "bulk", "filter", "sort", "etag")] == [True] * 5
    assert (config["changePassword"]["supported"], config["bulk"]["maxOperations"]) == (False, 100)
    kinds = directory.send("GET", "ResourceTypes").json()["Resources"]
    assert [(each["name"], each["endpoint"]) for each in kinds] == [("User", "/Users"), ("Group", "/Groups")]
    assert directory.send("GET", "Schemas").json()["totalResults"] == 3
    assert directory.send("GET", f"Schemas/{USER}").json()["id"] == USER
    for path in ("ServiceProviderConfig", "ResourceTypes", "Schemas", "Users"):
        asked = directory.client.get(f"{directory.base}/{path}")
        assert (asked.status_code, asked["WWW-Authenticate"]) == (401, 'Bearer realm="SCIM"')


def test_nobody_is_me_and_there_is_no_other_way_in(directory):
    assert directory.send("GET", "Me").status_code == 501
    assert directory.send("GET", "Elsewhere").status_code == 404
    refused = directory.send("PUT", "Users", {})
    assert (refused.status_code, refused["Allow"]) == (405, "GET, POST")
    form = directory.send("POST", "Users", b"userName=x", content_type="application/x-www-form-urlencoded")
    assert form.status_code == 415
    plain = directory.send("POST", "Users", {"userName": directory.address("ada")}, content_type="application/json")
    assert plain.status_code == 201
    assert json.loads(plain.content)["id"]
