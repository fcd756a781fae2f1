"""API keys over /v1 (ACC-3): what an integrator reads of them, makes, rotates and ends."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client

from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.clock import now
from tenants import actions
from tenants.models import ApiKey, ApiKeyDay
from tests.factories import make_api_key, make_place

pytestmark = pytest.mark.django_db
READ = frozenset({Permission.OBJECTS_READ})


class Api:
    """A client with a key that may do everything with keys, in live."""

    def __init__(self):
        self.place = make_place()
        self.secret = make_api_key(self.place)
        self.client = Client()

    def __call__(self, method, address="", body=None, status=200, secret=None):
        answer = getattr(self.client, method)(
            f"/v1/environments/{self.place.live_id}/api-keys{address}",
            data=body,
            content_type="application/json",
            headers={"authorization": f"Bearer {secret or self.secret}"},
        )
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else None

    def make(self, **body):
        return self("post", body={"name": "made", "scopes": ["objects:read"], **body}, status=201)

    def me(self, secret):
        return self.client.get("/v1/me", headers={"authorization": f"Bearer {secret}"}).status_code


@pytest.fixture
def api():
    return Api()


def test_a_key_is_made_with_its_networks_and_read_again_without_its_secret(api):
    made = api.make(networks=["192.0.2.1/24"], expires_at=(now() + timedelta(days=9)).isoformat())
    assert made["networks"] == ["192.0.2.0/24"]
    secret = made.pop("api_key")
    read = api("get", f"/{made['id']}")
    assert read | {"days": []} == made
    assert secret not in str(read)
    assert made["made_by_key_id"]
    assert made["state"] == "active"


def test_a_network_that_is_none_is_pointed_at(api):
    fault = api("post", body={"name": "x", "scopes": ["objects:read"], "networks": ["192.0.2"]}, status=400)
    assert [error["pointer"] for error in fault["errors"]] == ["/networks/0"]


def test_the_list_is_filtered_by_state_and_by_service_account(api):
    with tenant(api.place.id):
        account = actions.create_service_account(actor=api.place.actor(), name="machine")
    plain, expired, rotated, revoked = (api.make() for _ in range(4))
    machine = api.make(service_account_id=str(account.id))
    successor = api("post", f"/{rotated['id']}/rotate", {}, 201)
    api("delete", f"/{revoked['id']}", status=204)
    with tenant(api.place.id):
        ApiKey.objects.filter(pk=expired["id"]).update(expires_at=now())

    def ids(query):
        return {item["id"] for item in api("get", f"?{query}")["items"]}

    assert ids("state=rotated") == {rotated["id"]}
    assert ids("state=expired") == {expired["id"]}
    assert ids("state=revoked") == {revoked["id"]}
    assert ids("state=active") >= {plain["id"], machine["id"], successor["id"]}
    assert not ids("state=active") & {rotated["id"], expired["id"], revoked["id"]}
    assert ids(f"service_account_id={account.id}") == {machine["id"]}
    assert ids(f"service_account_id={account.id}&state=revoked") == set()
    for nonsense in ("state=gone", "service_account_id=x"):
        fault = api("get", f"?{nonsense}", status=400)
        assert fault["errors"][0]["pointer"] == f"/{nonsense.partition('=')[0]}"


def test_what_was_counted_in_fourteen_days_is_told_day_by_day(api):
    made = api.make()
    today = now().date()
    with tenant(api.place.id):
        for days, requests, refused in ((0, 7, 1), (13, 5, 0), (14, 99, 0)):
            ApiKeyDay.objects.create(
                organization_id=api.place.id,
                key_id=made["id"],
                on=today - timedelta(days=days),
                requests=requests,
                refused=refused,
            )
    days = api("get", f"/{made['id']}")["days"]
    assert [day["date"] for day in days] == [(today - timedelta(days=back)).isoformat() for back in range(13, -1, -1)]
    assert [(day["requests"], day["refused"]) for day in days] == [(5, 0), *[(0, 0)] * 12, (7, 1)]
    assert next(item for item in api("get")["items"] if item["id"] == made["id"])["days"] == days


def test_a_client_rotates_its_own_key_switches_and_ends_the_old_one(api):
    [own] = api("get")["items"]
    assert own["used_since_rotated"] is None
    new = api("post", f"/{own['id']}/rotate", {}, 201)
    with tenant(api.place.id):
        ApiKey.objects.filter(pk=own["id"]).update(last_used_at=now() - timedelta(hours=1))
    assert api("get", f"/{own['id']}", secret=new["api_key"])["used_since_rotated"] is False
    with tenant(api.place.id):
        ApiKey.objects.filter(pk=own["id"]).update(last_used_at=now())
    assert (api.me(api.secret), api.me(new["api_key"])) == (200, 200)
    old = api("get", f"/{own['id']}")
    assert old["used_since_rotated"] is True
    assert (old["state"], old["replaced_by_id"]) == ("rotated", new["id"])
    api("delete", f"/{own['id']}", status=204, secret=new["api_key"])
    assert (api.me(api.secret), api.me(new["api_key"])) == (401, 200)


def test_a_rotation_without_grace_and_one_too_many(api):
    made = api.make()
    address = f"/{made['id']}/rotate"
    assert api("post", address, {"grace_hours": 169}, 400)["errors"][0]["pointer"] == "/grace_hours"
    api("post", address, {"grace_hours": 0}, 201)
    assert api.me(made["api_key"]) == 401
    assert api("post", address, {}, 409)["detail"].startswith("This key was rotated already")


def test_nothing_is_there_under_another_id(api):
    for method, address in (("get", ""), ("delete", ""), ("post", "/rotate")):
        api(method, f"/{uuid4()}{address}", {} if method == "post" else None, 404)
