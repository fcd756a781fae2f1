"""What every answer carries, and how a refusal reads."""

import json
import sys

import pytest
from django.conf import settings
from django.core.signals import got_request_exception
from django.db import ProgrammingError, connection

from audit.models import AccessEntry
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.web import problems
from tests.factories import make_api_key, make_place, sign_in

pytestmark = pytest.mark.django_db


def bearer(secret):
    return {"authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("path", ["/healthz", "/account/login/", "/v1/me", "/nothing-here", "/static/hq/favicon.svg"])
def test_every_answer_carries_the_strict_policy(client, path):
    response = client.get(path)
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "data:" not in policy
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_refusal_over_v1_is_a_problem_document_with_the_request_id(client):
    response = client.get("/v1/me")
    body = json.loads(response.content)
    assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert body["instance"] == f"urn:hq:request:{response['X-Request-Id']}"
    assert body["type"] == f"{settings.BASE_URL}/problems/unauthenticated"
    assert client.get(body["type"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_every_kind_of_problem_has_its_page_and_no_other_code_has_one(client):
    """Also those that cannot be made without a case, whatever was imported first."""
    codes = set(problems.kinds())
    assert {"key-not-fit", "unauthenticated", "method-not-allowed", "internal-error"} <= codes
    assert {code: status for code in codes if (status := client.get(f"/problems/{code}").status_code) != 200} == {}
    assert client.get("/problems/no-such-thing").status_code == 404
    listed = client.get("/problems/").content.decode()
    assert [code for code in codes if f'href="/problems/{code}"' not in listed] == []


def test_a_problem_page_says_what_to_do_and_shows_a_document(client):
    page = client.get("/problems/not-found").content.decode()
    assert "missing or belongs to somebody else" in page
    assert "a live key finds nothing" in page
    assert f"{settings.BASE_URL}/problems/not-found" in page


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/environments/not-an-id/objects", "/v1/me/"])
def test_an_unknown_address_over_v1_is_a_problem_document(client, path):
    assert (client.get(path).status_code, client.get(path)["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", "/name"),
        (b"{", None),
        (b"[]", ""),
        (b'"x"', ""),
        (b'{"name": 5, "scopes": "x"}', "/scopes"),
        (b'{"name": "a\\u0000b", "scopes": ["objects:read"]}', "/name"),
        (b'{"name": "a", "scopes": ["nothing"]}', "/scopes/0"),
        (b'{"name": "a", "scopes": ["objects:read"], "other": 1}', "/other"),
        (b'{"name": "\xff", "scopes": []}', None),
        (b'{"name": "' + b"a" * 2_000_000 + b'"}', None),
    ],
)
def test_a_body_that_is_wrong_is_refused_with_a_pointer_to_the_fault(client, body, pointer):
    place = make_place()
    secret = make_api_key(place)
    url = f"/v1/environments/{place.live_id}/api-keys"
    response = client.post(url, data=body, content_type="application/json", headers=bearer(secret))
    assert 400 <= response.status_code < 500
    problem = json.loads(response.content)
    if pointer is not None:
        assert pointer in [error["pointer"] for error in problem["errors"]]


def test_a_wrong_media_type_and_method_are_named(client):
    place = make_place()
    url, headers = f"/v1/environments/{place.live_id}/api-keys", bearer(make_api_key(place))
    assert client.post(url, data="<a/>", content_type="text/xml", headers=headers).status_code == 415
    refused = client.put(url, headers=headers)
    assert (refused.status_code, "POST" in refused["Allow"]) == (405, True)
    assert json.loads(refused.content)["type"].endswith("/problems/method-not-allowed")


def test_another_organizations_environment_looks_like_none(client):
    place, other = make_place(), make_place()
    headers = bearer(make_api_key(place))
    foreign = client.get(f"/v1/environments/{other.live_id}/audit/events", headers=headers)
    absent = client.get(f"/v1/environments/{PLATFORM_ID}/audit/events", headers=headers)
    strip = lambda response: {**json.loads(response.content), "instance": ""}  # noqa: E731 - used on the next lines only
    assert (foreign.status_code, strip(foreign)) == (absent.status_code, strip(absent)) == (404, strip(absent))


def test_a_key_of_live_is_nothing_in_test(client):
    place = make_place()
    response = client.get(f"/v1/environments/{place.test_id}/audit/events", headers=bearer(make_api_key(place)))
    assert response.status_code == 404


def test_every_request_leaves_a_line_refused_ones_too(client):
    place = make_place()
    secret = make_api_key(place)
    client.get(f"/v1/environments/{place.live_id}/audit/events", headers=bearer(secret))
    refused = client.get("/v1/me", headers=bearer("hd_live_" + "x" * 32))
    with tenant(place.id):
        entry = AccessEntry.objects.get()
        assert (entry.actor_kind, entry.status) == ("api_key", 200)
        assert entry.route == "v1/environments/<uuid:environment_id>/audit/events"
    with tenant(PLATFORM_ID):
        assert AccessEntry.objects.get(request_id=refused["X-Request-Id"]).status == 401


@pytest.mark.django_db(transaction=True)
def test_a_line_names_the_object_also_where_its_path_is_a_parameter(client):
    place = make_place()
    client.get(f"/v1/environments/{place.live_id}/object-metadata?path=a/b", headers=bearer(make_api_key(place)))
    with tenant(place.id):
        assert AccessEntry.objects.get(route__contains="object-metadata").detail["path"] == "a/b"


def test_nothing_secret_is_in_the_access_log(client):
    place = make_place()
    client.get("/s/hqs_secretsecretsecret")
    client.get("/invitations/hqi_secretsecretsecret")
    client.get("/sign-in/hqo_secretsecretsecret")
    client.get("/v1/me", headers=bearer("hd_live_" + "secret" * 5 + "ab"))
    with tenant(PLATFORM_ID):
        lines = [str(vars(entry)) + str(entry.detail) for entry in AccessEntry.objects.all()]
    assert len(lines) == 4
    assert not any("secret" in line for line in lines)
    assert place


@pytest.mark.django_db(transaction=True)
def test_a_fault_of_ours_tells_nothing_but_the_request_id(client, monkeypatch):
    from tenants import selectors

    def broken(*_args, **_more):
        raise RuntimeError("password=hunter2")

    client.raise_request_exception = False
    monkeypatch.setattr(selectors, "describe_actor", broken)
    place = make_place()
    response = client.get("/v1/me", headers=bearer(make_api_key(place)))
    assert response.status_code == 500
    assert b"hunter2" not in response.content
    assert response["X-Request-Id"].encode() in response.content


def test_a_fault_of_ours_on_a_page_is_told_on_a_page(client, monkeypatch):
    """The transaction is broken by then, and the page reads the database for its frame: no second fault."""
    from tenants import selectors

    told = []

    def note(**_more):
        told.append(sys.exc_info()[0])

    def broken(*_args, **_more):
        connection.cursor().execute("SELECT no_such_function()")

    place = make_place()
    client = sign_in(place.owner)
    client.raise_request_exception = False
    monkeypatch.setattr(selectors, "list_api_keys", broken)
    got_request_exception.connect(note)
    try:
        response = client.get(f"/o/{place.slug}/live/api-keys/")
    finally:
        got_request_exception.disconnect(note)
    assert told == [ProgrammingError]
    assert response.status_code == 500
    assert b"Something broke" in response.content
    assert response["X-Request-Id"].encode() in response.content


def test_a_refused_request_leaves_nothing_of_what_it_wrote(client, monkeypatch):
    from hq.lib.errors import Denied
    from tenants import actions
    from tenants.models import ApiKey

    real = actions.create_api_key

    def written_then_refused(**arguments):
        real(**arguments)
        raise Denied

    place = make_place()
    secret = make_api_key(place)
    monkeypatch.setattr(actions, "create_api_key", written_then_refused)
    body = {"name": "a", "scopes": ["objects:read"]}
    url = f"/v1/environments/{place.live_id}/api-keys"
    assert client.post(url, data=body, content_type="application/json", headers=bearer(secret)).status_code == 403
    with tenant(place.id):
        assert ApiKey.objects.count() == 1


def test_x_forwarded_for_counts_only_as_far_as_declared_proxies(client, settings, rf):
    from hq.web.request import source_ip

    request = rf.get("/", headers={"x-forwarded-for": "198.51.100.1, 203.0.113.9"})
    assert source_ip(request) == "127.0.0.1"
    settings.TRUSTED_PROXIES = 1
    assert source_ip(request) == "203.0.113.9"
    settings.TRUSTED_PROXIES = 2
    assert source_ip(request) == "198.51.100.1"
    settings.TRUSTED_PROXIES = 3
    assert source_ip(request) == "127.0.0.1"
    settings.TRUSTED_PROXIES = 1
    assert source_ip(rf.get("/")) == "127.0.0.1"  # whoever came in beside the proxy


def test_an_address_on_a_link_of_ours_is_kept_without_its_zone(client, settings):
    settings.TRUSTED_PROXIES = 1
    assert client.get("/v1/me", headers={"x-forwarded-for": "fe80::1%eth0"}).status_code == 401
    with tenant(PLATFORM_ID):
        assert AccessEntry.objects.latest("id").ip == "fe80::1"
