"""What the page's script asks: CSRF, refusals in JSON, going on, and how narrowly the page's policy is opened."""

import json
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from hq.authz.roles import Role
from tests.factories import Place, make_member, sign_in
from tests.vault.uploads import SMALL, begin, content, send, small_parts
from vault import actions

__all__ = ["small_parts"]

pytestmark = pytest.mark.usefixtures("small_parts")


def ask(client: Client, place: Place, step: str = "", **body: Any) -> Any:
    return client.post(
        f"/o/{place.slug}/live/files/uploads{step}",
        json.dumps(body),
        "application/json",
        headers={"accept": "application/problem+json"},
    )


def test_the_same_file_goes_on_where_it_was_and_another_begins_anew(committed_place: Place) -> None:
    client, data = sign_in(committed_place.owner), content(2 * SMALL)
    actor = committed_place.actor()
    upload = begin(actor, data, content_type="text/plain")
    send(actor, upload, data, [2])
    asked: dict[str, Any] = {"path": "claims/a", "size": len(data), "content_type": "text/plain"}
    again = ask(client, committed_place, **asked)
    assert (again.status_code, again.json()["id"], again.json()["received"]) == (200, str(upload.id), [2])
    for other in ({"size": 5}, {"path": "claims/b"}, {"sha256": "0" * 64}, {"fresh": True}):
        found = ask(client, committed_place, **(asked | other))
        assert (found.status_code, found.json()["received"]) == (201, [])


def test_addresses_are_given_as_the_page_reaches_them(committed_place: Place) -> None:
    client, data = sign_in(committed_place.owner), content(SMALL)
    begun = ask(client, committed_place, path="a", size=len(data)).json()
    (item,) = ask(client, committed_place, "/parts", id=begun["id"], parts=[1]).json()["items"]
    assert item["url"].startswith("/v1/upload-parts/hqs_")
    assert Client().put(item["url"], data, "application/octet-stream").status_code == 204
    assert ask(client, committed_place, "/complete", id=begun["id"]).json()["receipt"]["version"] == 1


def test_refusals_come_as_problems_and_nothing_without_the_forms_token(committed_place: Place) -> None:
    owner, auditor = sign_in(committed_place.owner), sign_in(make_member(committed_place, Role.AUDITOR))
    assert ask(owner, committed_place, path=".env", size=1).json()["type"].endswith("/local-only-path")
    assert ask(owner, committed_place, "/state", id="x").status_code == 400
    assert ask(auditor, committed_place, path="a", size=1).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = owner.cookies
    assert ask(strict, committed_place, path="a", size=1).status_code == 403


def test_only_the_page_that_uploads_lets_its_script_reach_the_store_and_only_that_origin(
    committed_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, files = sign_in(committed_place.owner), f"/o/{committed_place.slug}/live/files/"
    actions.put_object(actor=committed_place.actor(), path="a", chunks=[b"x"])
    assert "connect-src 'self';" in client.get(files)["Content-Security-Policy"]
    assert actions.origin_of_parts(actor=committed_place.actor()) == ""
    monkeypatch.setattr(settings, "STORE", "s3")
    monkeypatch.setattr("vault.views.uploads.actions.origin_of_parts", lambda **_: "https://hq-alder.s3.example.org")
    policy = client.get(files)["Content-Security-Policy"]
    assert "connect-src 'self' https://hq-alder.s3.example.org;" in policy
    assert policy.count("example.org") == 1
    assert "connect-src 'self';" in client.get(f"{files}deleted")["Content-Security-Policy"]
    auditor = sign_in(make_member(committed_place, Role.AUDITOR))
    assert "example.org" not in auditor.get(files).headers.get("Content-Security-Policy", "")
