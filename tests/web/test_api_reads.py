"""What machines read over /v1 is what people see in the portal, one by one and by the same filters."""

import json

import pytest
from django.test import Client

from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from tenants import actions
from tests.factories import make_api_key, make_member, make_place

pytestmark = pytest.mark.django_db(transaction=True)


class Api:
    """GET and PATCH by a key of one organization."""

    def __init__(self):
        self.place = make_place()
        self.secret = make_api_key(self.place)
        self.organization = f"/v1/organizations/{self.place.id}"
        self.environment = f"/v1/environments/{self.place.live_id}"

    def __call__(self, url, method="get", secret=None, **body):
        more = {"data": json.dumps(body), "content_type": "application/json"} if body else {}
        headers = {"authorization": f"Bearer {secret or self.secret}"}
        answer = getattr(Client(), method)(url, headers=headers, **more)
        return answer.status_code, json.loads(answer.content)

    def names(self, url, member="id"):
        status, found = self(url)
        assert status == 200, found
        return [row[member] for row in found["items"]]


@pytest.fixture
def api():
    return Api()


def test_an_organization_and_its_environments(api):
    place = api.place
    assert api(api.organization)[1] | {"created_at": ""} == {
        "id": str(place.id),
        "name": place.organization.name,
        "slug": place.slug,
        "region": "local",
        "created_at": "",
    }
    assert api.names(f"{api.organization}/environments", "name") == ["live", "test"]
    here = {"id": str(place.live_id), "name": "live", "organization_id": str(place.id)}
    assert api(api.environment) == (200, here)
    assert api(f"/v1/environments/{place.test_id}")[0] == 404


def test_members_by_role_and_by_the_beginning_of_their_address(api):
    make_member(api.place, Role.AUDITOR, "zoe@example.com")
    members = f"{api.organization}/members"
    assert len(api.names(members)) == 2
    assert api.names(f"{members}?role=auditor", "email") == ["zoe@example.com"]
    assert api.names(f"{members}?email_prefix=ZO", "email") == ["zoe@example.com"]
    assert api.names(f"{members}?email_prefix=%25") == []
    assert api(f"{members}?role=nobody")[0] == 400
    [found] = api(f"{members}?role=auditor")[1]["items"]
    assert api(f"{members}/{found['id']}") == (200, found)


def test_invitations_by_state(api):
    owner, invitations = api.place.actor(), f"{api.organization}/invitations"
    with tenant(api.place.id):
        for email in ("open@example.com", "gone@example.com"):
            made = actions.invite_member(actor=owner, email=email, role=Role.ANALYST)
        actions.revoke_invitation(actor=owner, invitation_id=made.invitation.id)
    assert api.names(f"{invitations}?state=open", "email") == ["open@example.com"]
    assert api.names(f"{invitations}?state=revoked", "email") == ["gone@example.com"]
    assert api.names(f"{invitations}?state=expired") == api.names(f"{invitations}?state=accepted") == []
    [found] = api(f"{invitations}?state=open")[1]["items"]
    assert api(f"{invitations}/{found['id']}") == (200, found)
    assert "url" not in found


def test_a_rule_is_read_and_its_level_changed(api):
    with tenant(api.place.id):
        group = actions.create_group(actor=api.place.actor(), name="Readers").id
    rule = api(f"{api.organization}/acl", "post", prefix="a/", level="read", group_id=str(group))[1]
    url = f"{api.organization}/acl/{rule['id']}"
    assert api(url) == (200, rule)
    assert api(url, "patch", level="write") == (200, rule | {"level": "write"})
    assert api(url)[1]["level"] == "write"
    assert api(url, "patch", level="owner")[0] == 400


def test_an_event_by_its_place_and_the_requests_beside_the_events(api):
    events, requests = f"{api.environment}/audit/events", f"{api.environment}/audit/requests"
    newest = api(events)[1]["items"][0]
    assert api(f"{events}/{newest['index']}") == (200, newest)
    assert api(f"{events}/{newest['index'] + 1}")[0] == 404
    blind = make_api_key(api.place, frozenset({Permission.OBJECTS_READ}))
    assert api(events, secret=blind)[0] == 403
    [refused] = api(f"{requests}?outcome=refused&limit=1")[1]["items"]
    assert (refused["status"], refused["verb"], refused["actor"]["label"]) == (403, "GET", "tests")
    assert refused["route"] == "v1/environments/<uuid:environment_id>/audit/events"
    assert api.names(f"{requests}?request_id={refused['request_id']}") == [refused["id"]]
    assert api(f"{requests}?outcome=perhaps")[0] == 400
