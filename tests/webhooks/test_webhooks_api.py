"""Webhooks over /v1."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from hq.authz.permissions import Permission
from hq.db.context import tenant
from tenants import actions as tenancy
from tests.factories import Place, make_place, run_jobs
from tests.webhooks import verifiers
from tests.webhooks.support import Receiver, deliveries, hook, send_all

pytestmark = pytest.mark.django_db
ASKED = {"name": "Claims intake", "url": "https://receiver.example/hook", "events": ["key:rotated", "api_key:created"]}


class Api:
    """An integrator with a key of one environment."""

    def __init__(self, place: Place) -> None:
        scopes = frozenset({Permission.WEBHOOKS_MANAGE, Permission.JOBS_READ})
        with tenant(place.id):
            self.secret = tenancy.create_api_key(actor=place.actor(), name="k", scopes=scopes).secret
        self.base = f"/v1/environments/{place.live_id}/"
        self.client = Client()

    def __call__(self, method: str, path: str = "webhooks", body: Any = None, **headers: str) -> Any:
        named = {"authorization": f"Bearer {self.secret}"} | {name.replace("_", "-"): v for name, v in headers.items()}
        content = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return getattr(self.client, method.lower())(self.base + path, headers=named, **content)


@pytest.fixture
def api(place: Place) -> Api:
    return Api(place)


@pytest.fixture
def made(api: Api, receiver: Receiver) -> Any:
    return api("POST", body={"name": "Claims intake", "url": receiver.url}).json()


def test_it_is_made_and_its_secret_is_shown_once(api: Api) -> None:
    answer = api("POST", body=ASKED)
    made = answer.json()
    assert answer.status_code == 201
    assert made["secret"].startswith("whsec_")
    assert made["public_key"].startswith("whpk_")
    assert made["events"] == ["api_key:created", "key:rotated"]
    one = api("GET", f"webhooks/{made['id']}")
    assert made["secret"][6:] not in one.content.decode()
    assert one.json() == {name: value for name, value in made.items() if name not in {"secret", "public_key"}}
    assert api("GET").json() == {"items": [one.json()], "next_cursor": None}


def test_made_twice_under_one_key_it_is_one_and_its_secret_is_not_told_again(api: Api) -> None:
    first, second = (api("POST", body=ASKED, Idempotency_Key="intake-1") for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["secret"]
    assert first.json()["secret"] not in second.content.decode()
    assert len(api("GET").json()["items"]) == 1


@pytest.mark.parametrize(
    ("fault", "pointer"),
    [
        ({"url": "http://receiver.example:80/"}, ""),
        ({"url": "https://user:word@receiver.example/"}, "/url"),
        ({"url": "nothing"}, "/url"),
        ({"events": []}, "/events"),
        ({"events": ["key:melted"]}, "/events/0"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 81}, "/name"),
        ({"secret": "mine"}, "/secret"),
    ],
)
def test_what_is_wrong_is_pointed_at(api: Api, fault: dict[str, Any], pointer: str) -> None:
    answer = api("POST", body=ASKED | fault)
    if not pointer:  # plain HTTP is for loopback alone, which shows when it is sent
        assert answer.status_code == 201
        return
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_what_is_left_out_of_a_change_stays(api: Api) -> None:
    made = api("POST", body=ASKED).json()
    place = f"webhooks/{made['id']}"
    changed = api("PATCH", place, {"name": "Intake"}).json()
    assert (changed["name"], changed["url"], changed["events"]) == ("Intake", ASKED["url"], made["events"])
    assert api("PATCH", place, {"events": ["*", "key:rotated"]}).json()["events"] == ["*"]
    assert api("PATCH", place, {"url": "ftp://x/"}).status_code == 400


def test_a_change_can_depend_on_what_was_read(api: Api) -> None:
    made = api("POST", body=ASKED).json()
    tag = api("GET", f"webhooks/{made['id']}").headers["ETag"]
    assert api("PATCH", f"webhooks/{made['id']}", {"name": "A"}, If_Match=tag).status_code == 200
    assert api("PATCH", f"webhooks/{made['id']}", {"name": "B"}, If_Match=tag).status_code == 412


def test_it_is_switched_off_and_on(api: Api) -> None:
    place = f"webhooks/{api('POST', body=ASKED).json()['id']}"
    off = api("POST", f"{place}/disable").json()
    assert (off["state"], off["disabled_reason"]) == ("DISABLED", "BY_HAND")
    assert api("POST", f"{place}/disable").status_code == 409
    on = api("POST", f"{place}/enable").json()
    assert (on["state"], on["disabled_reason"], on["disabled_at"]) == ("ENABLED", None, None)
    assert api("POST", f"{place}/enable").status_code == 409
    assert api("DELETE", place).status_code == 204
    assert api("GET", place).status_code == 404


def test_a_new_secret_verifies_what_is_sent_from_then_on(api: Api, made: Any, receiver: Receiver) -> None:
    answer = api("POST", f"webhooks/{made['id']}/rotate-secret", {"grace_hours": 0})
    assert answer.status_code == 201
    assert answer.json()["secret"] != made["secret"]
    send_all()
    for message in receiver.got:
        assert verifiers.python(answer.json()["secret"], message) == [json.loads(message.body)]
    for hours in (-1, 169, "x"):
        assert api("POST", f"webhooks/{made['id']}/rotate-secret", {"grace_hours": hours}).status_code == 400


def test_a_test_can_be_followed_to_its_answer(api: Api, made: Any, receiver: Receiver) -> None:
    receiver.then = (500, {}, b"sorry")
    answer = api("POST", f"webhooks/{made['id']}/test")
    assert answer.status_code == 202
    assert (answer.json()["type"], answer.json()["state"]) == ("webhook:tested", "PENDING")
    send_all()
    life = api("GET", f"webhooks/{made['id']}/deliveries/{answer.json()['id']}").json()
    [attempt] = life["tries"]
    assert (life["state"], attempt["status"], attempt["answer"], attempt["replay"]) == ("FAILED", 500, "sorry", True)
    [sent] = [each for each in receiver.got if each.headers["webhook-id"] == life["message_id"]]
    assert life["body"] == sent.body
    assert life["headers"].items() <= sent.headers.items()


def test_the_log_is_read_page_by_page_and_filtered(api: Api, made: Any, receiver: Receiver) -> None:
    for _ in range(3):
        api("POST", f"webhooks/{made['id']}/test")
    send_all()
    log = f"webhooks/{made['id']}/deliveries"
    first = api("GET", f"{log}?limit=2").json()
    second = api("GET", f"{log}?limit=2&cursor={first['next_cursor']}").json()
    seen = [item["type"] for item in first["items"] + second["items"]]
    assert (seen, second["next_cursor"]) == (["webhook:tested"] * 3 + ["webhook:created"], None)
    assert len(api("GET", f"{log}?type=webhook:created").json()["items"]) == 1
    assert len(api("GET", f"{log}?state=DELIVERED").json()["items"]) == 4
    assert api("GET", f"{log}?state=FAILED").json()["items"] == []
    assert api("GET", f"{log}?state=LOST").status_code == 400
    assert api("GET", f"{log}?cursor=x").status_code == 400


def test_one_or_a_range_is_sent_again(api: Api, made: Any, receiver: Receiver) -> None:
    send_all()
    replay = f"webhooks/{made['id']}/replay"
    [delivery] = api("GET", f"webhooks/{made['id']}/deliveries").json()["items"]
    one = api("POST", replay, {"delivery_id": delivery["id"]})
    assert (one.status_code, one.json()["delivery"]["id"], one.json()["job"]) == (202, delivery["id"], None)
    send_all()
    asked = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z", "failed_only": False}
    answer = api("POST", replay, asked)
    assert answer.status_code == 202
    run_jobs()
    job = api("GET", f"jobs/{answer.json()['job']['id']}").json()
    assert (job["state"], job["result"]) == ("DONE", {"replayed": 2})
    send_all()
    assert len([each for each in receiver.got if each.headers["webhook-id"] == delivery["message_id"]]) == 3


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"since": "2026-01-01T00:00:00Z"},
        {"delivery_id": str(uuid4()), "since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
    ],
)
def test_sending_again_names_one_or_a_range(api: Api, made: Any, body: dict[str, str]) -> None:
    assert api("POST", f"webhooks/{made['id']}/replay", body).status_code == 400


def test_what_is_another_tenants_is_not_there(api: Api, made: Any, receiver: Receiver) -> None:
    stranger = make_place()
    theirs = hook(stranger, receiver.url)
    [foreign] = deliveries(stranger)
    for method, path, body in (
        ("GET", f"webhooks/{theirs.endpoint.id}", None),
        ("PATCH", f"webhooks/{theirs.endpoint.id}", {"name": "mine"}),
        ("DELETE", f"webhooks/{theirs.endpoint.id}", None),
        ("POST", f"webhooks/{theirs.endpoint.id}/test", None),
        ("POST", f"webhooks/{theirs.endpoint.id}/replay", {"delivery_id": str(foreign.id)}),
        ("POST", f"webhooks/{made['id']}/replay", {"delivery_id": str(foreign.id)}),
        ("GET", f"webhooks/{made['id']}/deliveries/{foreign.id}", None),
        ("GET", f"webhooks/{theirs.endpoint.id}/deliveries", None),
    ):
        assert api(method, path, body).status_code == 404
    assert receiver.got == []
