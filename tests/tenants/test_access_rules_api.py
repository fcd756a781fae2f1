"""Groups, access rules, their explanation and service accounts over /v1."""

from base64 import urlsafe_b64encode
from uuid import uuid4

import pytest
from django.test import Client

from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants import actions
from tests.factories import make_api_key, make_place
from tests.tenants.support import member_of, only_rules, session_of

pytestmark = pytest.mark.django_db


class Api:
    """A program of the owner's."""

    def __init__(self, place, secret=""):
        self.root = f"/v1/organizations/{place.id}/"
        self.headers = {"authorization": f"Bearer {secret or make_api_key(place)}"}
        self.client = Client()

    def call(self, method, name, body=None, **query):
        more = {} if body is None else {"data": body, "content_type": "application/json"}
        return getattr(self.client, method)(self.root + name, headers=self.headers, query_params=query, **more)

    def get(self, name, **query):
        return self.call("get", name, **query).json()

    def post(self, name, body):
        return self.call("post", name, body)


@pytest.fixture
def api(place):
    return Api(place)


def test_a_group_is_made_filled_listed_and_removed(api, place):
    ann = member_of(place)
    group = api.post("groups", {"name": "Auditors"}).json()
    assert (group["name"], group["source"]) == ("Auditors", "here")
    members = f"groups/{group['id']}/members"
    assert api.post(members, {"members": [str(ann.id)]}).status_code == 204
    assert [one["email"] for one in api.get(members)["items"]] == [ann.user.email]
    assert api.call("delete", f"{members}/{ann.id}").status_code == 204
    assert api.call("delete", f"{members}/{ann.id}").status_code == 404
    assert api.call("patch", f"groups/{group['id']}", {"name": "Reviewers"}).json()["name"] == "Reviewers"
    assert api.post("groups", {"name": "reviewers"}).status_code == 409
    assert api.call("delete", f"groups/{group['id']}").status_code == 204
    assert api.call("get", f"groups/{group['id']}").status_code == 404


@pytest.mark.parametrize("name", ["groups", "service-accounts"])
def test_lists_by_name_are_paged_without_loss(api, name):
    for number in range(5):
        api.post(name, {"name": f"name: {number}"})
    found, cursor = [], ""
    while cursor is not None:
        answer = api.get(name, limit=2, **({"cursor": cursor} if cursor else {}))
        found += [one["name"] for one in answer["items"]]
        cursor = answer["next_cursor"]
    assert found == [f"name: {number}" for number in range(5)]


def test_what_cannot_be_looked_for_is_refused_in_words(api):
    assert api.call("get", "acl", path="a\0b/").status_code == 400
    assert api.call("get", "acl", path="../").status_code == 400
    cursor = urlsafe_b64encode(f"{uuid4()}:a\0".encode()).decode()
    for name in ("acl", "groups", "service-accounts"):
        assert api.call("get", name, cursor=cursor).status_code == 400


def test_rules_are_given_listed_by_path_and_withdrawn(api, place):
    ann = member_of(place)
    given = [
        api.post("acl", {"prefix": prefix, "level": "read", "member_id": str(ann.id)}).json()
        for prefix in ("", "a/", "a/b/", "b/")
    ]
    assert given[1]["principal"] == {"kind": "member", "id": str(ann.id), "name": ann.user.label}
    assert given[1]["environment_id"] == str(place.live_id)
    assert [one["prefix"] for one in api.get("acl", path="a/b/c")["items"]] == ["", "a/", "a/b/"]
    first = api.get("acl", limit=3)
    assert [one["prefix"] for one in api.get("acl", cursor=first["next_cursor"])["items"]] == ["b/"]
    raised = api.post("acl", {"prefix": "a/", "level": "admin", "member_id": str(ann.id)}).json()
    assert (raised["id"], raised["level"]) == (given[1]["id"], "admin")
    assert api.call("delete", f"acl/{raised['id']}").status_code == 204
    assert api.call("delete", f"acl/{raised['id']}").status_code == 404


def test_what_cannot_be_a_rule_is_refused_with_a_reason(api, place):
    ann = str(member_of(place).id)
    for body in (
        {"prefix": "a", "level": "read", "member_id": ann},
        {"prefix": "a//", "level": "read", "member_id": ann},
        {"prefix": "a/", "level": "owner", "member_id": ann},
        {"prefix": "a/", "level": "read"},
        {"prefix": "a/", "level": "read", "member_id": ann, "group_id": str(uuid4())},
        {"prefix": "a/", "level": "read", "member_id": "x"},
        {"prefix": "a/", "level": "read", "member_id": ann, "more": 1},
    ):
        answer = api.post("acl", body)
        assert answer.status_code == 400, body
        assert answer["Content-Type"] == "application/problem+json"
    for query in ({}, {"path": "../a"}, {"path": "a", "principal": "x"}, {"path": "a", "cursor": "x"}):
        assert api.call("get", "acl/explain", **query).status_code == 400, query
    for cursor in ("x", "Og", "OmE"):
        assert api.call("get", "acl", cursor=cursor).status_code == 400


def test_ids_of_another_organization_or_environment_look_like_unknown_ones(api, place):
    elsewhere = make_place()
    foreign = member_of(elsewhere)
    with tenant(elsewhere.id):
        group = actions.create_group(actor=elsewhere.actor(), name="g")
        account = actions.create_service_account(actor=elsewhere.actor(), name="s")
        entry = actions.give_access(actor=elsewhere.actor(), prefix="a/", level=Level.READ, membership_id=foreign.id)
        ours = {"member_id": foreign.id, "group_id": group.id, "service_account_id": account.id}
    for kind, known in ours.items():
        for unknown in (known, uuid4()):
            assert api.post("acl", {"prefix": "a/", "level": "read", kind: str(unknown)}).status_code == 404
    for name in (f"groups/{group.id}", f"acl/{entry.id}", f"service-accounts/{account.id}"):
        assert api.call("delete", name).status_code == 404
    for principal in (foreign.id, group.id, account.id, uuid4()):
        assert api.call("get", "acl/explain", path="a", principal=principal).status_code == 404
        assert api.get("acl", principal=principal)["items"] == []
    mine = api.post("groups", {"name": "mine"}).json()["id"]
    said = [api.post(f"groups/{mine}/members", {"members": [str(who)]}) for who in (foreign.id, uuid4())]
    assert [answer.status_code for answer in said] == [400, 400]
    assert said[0].json()["detail"] == said[1].json()["detail"]
    ann = member_of(place)
    for environment in (place.test_id, elsewhere.live_id, uuid4()):
        body = {"prefix": "a/", "level": "read", "member_id": str(ann.id), "environment_id": str(environment)}
        assert api.post("acl", body).status_code == 404
        for name in ("acl", "acl/explain"):
            assert api.call("get", name, path="a", environment_id=environment).status_code == 404
    assert api.call("get", "acl", environment_id=place.live_id).status_code == 200


def test_it_explains_one_and_names_all_who_reach_a_path(api, place):
    ann = member_of(place, Role.DEVELOPER)
    only_rules(place)
    group = api.post("groups", {"name": "Reviewers"}).json()
    api.post(f"groups/{group['id']}/members", {"members": [str(ann.id)]})
    rule = api.post("acl", {"prefix": "a/", "level": "read", "group_id": group["id"]}).json()
    told = api.get("acl/explain", path="a/b", principal=ann.id)
    assert told["rules_only"] is True
    decisions = {one["act"]: one for one in told["decisions"]}
    assert [decisions[act]["allowed"] for act in ("read", "write", "delete", "share")] == [True, False, False, True]
    role, by_group = decisions["read"]["reasons"]
    assert role == {"by": "role", "role": "developer", "permission": "objects:read", "counts": False}
    assert by_group == {
        "by": "rule",
        "rule_id": rule["id"],
        "prefix": "a/",
        "level": "read",
        "group": {"id": group["id"], "name": "Reviewers"},
        "permission": "objects:read",
        "counts": True,
    }
    assert decisions["write"]["missing"] == ["objects:write"]
    reached = {one["principal"]["id"]: one for one in api.get("acl/explain", path="a/b")["items"]}
    assert reached[str(ann.id)]["acts"] == ["read", "share"]
    assert reached[str(ann.id)]["reasons"][0]["group"]["name"] == "Reviewers"


def test_a_key_without_access_read_sees_the_rules_below_its_own_and_explains_nothing(place):
    ann, ben = member_of(place, Role.DEVELOPER), member_of(place)
    with tenant(place.id):
        for prefix, member, level in (("team/", ann, Level.ADMIN), ("else/", ben, Level.READ)):
            actions.give_access(actor=place.actor(), prefix=prefix, level=level, membership_id=member.id)
        made = actions.create_api_key(
            actor=place.actor(), name="x", scopes=frozenset({Permission.ACCESS_CHANGE}), service_account_id=None
        )
    assert [one["prefix"] for one in Api(place, made.secret).get("acl")["items"]] == ["else/", "team/"]
    own = Api(place, make_api_key_of(place, ann))
    assert [one["prefix"] for one in own.get("acl")["items"]] == ["team/"]
    elsewhere, here = (one["id"] for one in Api(place, made.secret).get("acl")["items"])
    assert own.get(f"acl/{here}")["prefix"] == "team/"
    assert own.call("get", f"acl/{elsewhere}").status_code == 404
    body = {"prefix": "team/x/", "level": "write", "member_id": str(ben.id)}
    assert own.post("acl", body).status_code == 201
    assert own.post("acl", body | {"prefix": "else/x/"}).status_code == 403
    assert own.call("get", "acl/explain", path="team/x").status_code == 403


def make_api_key_of(place, member):
    """A developer's own key, with the one scope that a rule may fill."""
    with tenant(place.id):
        actor = session_of(place, member.user)
        return actions.create_api_key(actor=actor, name="own", scopes=frozenset({Permission.ACCESS_CHANGE})).secret


def test_a_key_is_made_for_a_service_account_and_ends_with_it(api, place):
    account = api.post("service-accounts", {"name": "nightly"}).json()
    keys = f"/v1/environments/{place.live_id}/api-keys"
    body = {"name": "k", "scopes": ["objects:read"], "service_account_id": account["id"]}
    made = api.client.post(keys, body, content_type="application/json", headers=api.headers).json()
    assert made["service_account_id"] == account["id"]
    theirs = Api(place, made["api_key"])
    me = theirs.client.get("/v1/me", headers=theirs.headers)
    assert me.json()["actor"]["role"] == "service_account"
    assert api.call("delete", f"service-accounts/{account['id']}").status_code == 204
    assert theirs.client.get("/v1/me", headers=theirs.headers).status_code == 401
    unknown = body | {"service_account_id": str(uuid4())}
    answer = api.client.post(keys, unknown, content_type="application/json", headers=api.headers)
    assert answer.status_code == 404
