"""Storage credentials are scoped, short, recorded and revocable, and never more than their holder may do (VLT-4)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection

from audit.models import AuditEvent
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied
from hq.lib.ids import new_id
from tests.factories import make_api_key, make_place, run_jobs
from tests.vault.http import Api, assert_refused
from tests.vault.limited import let_rules_decide, member
from tests.vault.s3_client import issue
from vault import actions
from vault.actions.credentials import MOST_LIVE, BadCredentialTerms, NotForYou, TooManyCredentials
from vault.models import StorageCredential
from vault.tasks import sweep

ASKED = {"paths": ["claims/2026/"], "permission": "write", "ttl_seconds": 900}
SECRETS = {"secret_access_key", "session_token"}


def test_they_are_issued_for_paths_a_permission_and_a_time_and_the_trail_says_so(api):
    answer = api.json("POST", "credentials", ASKED)
    assert answer.status_code == 201, answer.content
    given = answer.json()
    assert (given["paths"], given["permission"]) == (["claims/2026/"], "write")
    assert given["endpoint"].endswith("/s3")
    assert given["bucket"] == f"{api.place.slug}-live"
    after = {"access_key": given["access_key_id"], "paths": ["claims/2026/"], "permission": "write", "seconds": 900}
    with tenant(api.place.id):
        event = AuditEvent.objects.get(tag="credentials:issued")
        assert (event.actor_kind, event.target_id, event.detail["after"]) == ("api_key", given["id"], after)
        row = StorageCredential.objects.get()
    assert row.expires_at - row.created_at == timedelta(seconds=900)
    listed = api.json("GET", "credentials").json()["items"]
    assert [item["access_key_id"] for item in listed] == [given["access_key_id"]]
    assert not SECRETS & set(listed[0])


def test_what_signs_and_what_they_open_is_not_in_the_table(api):
    given = api.json("POST", "credentials", ASKED).json()
    with tenant(api.place.id), connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text FROM vault_storagecredential c")
        row = cursor.fetchone()[0]
    assert given["access_key_id"] in row
    for secret in (given["secret_access_key"], given["session_token"], "claims"):
        assert secret not in row
        assert secret.encode().hex() not in row


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"ttl_seconds": 899}, "/ttl_seconds"),
        ({"ttl_seconds": 43_201}, "/ttl_seconds"),
        ({"permission": "admin"}, "/permission"),
        ({"paths": []}, "/paths"),
        ({"paths": ["a/../b/"]}, "/paths/0"),
        ({"paths": ["a/", "/b"]}, "/paths/1"),
    ],
)
def test_other_terms_are_refused(api, asked, pointer):
    answer = api.json("POST", "credentials", ASKED | asked)
    assert_refused(answer, 400)
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_the_action_refuses_what_the_endpoint_does(place, actor):
    for wrong in ({"permission": "admin"}, {"ttl_seconds": 60}, {"paths": ["a/"] * 21}):
        with tenant(place.id), pytest.raises(BadCredentialTerms):
            actions.issue_credentials(actor=actor, **({"paths": ["a/"]} | wrong))


def test_nobody_hands_on_more_than_they_have(api):
    reader = Api(api.place, make_api_key(api.place, frozenset({Permission.OBJECTS_READ})))
    assert_refused(reader.json("POST", "credentials", ASKED), 403)
    assert reader.json("POST", "credentials", ASKED | {"permission": "read"}).status_code == 201


def test_who_reaches_a_folder_by_a_rule_hands_on_what_is_in_it_and_nothing_above(committed_place):
    let_rules_decide(committed_place)
    ines = member(committed_place)
    ines.give("claims/2026/")
    assert issue(ines.actor, "claims/2026/q3/", permission="read").row.paths == ["claims/2026/q3/"]
    for path, permission in (("claims/", "read"), ("", "read"), ("other/", "read"), ("claims/2026/", "write")):
        with pytest.raises(Denied):
            issue(ines.actor, path, permission=permission)


def test_a_link_an_operator_and_other_credentials_get_none(actor):
    for kind in ("link", "operator", "credentials", "directory", "system"):
        with pytest.raises(NotForYou):
            issue(replace(actor, kind=kind), "a/")
    with pytest.raises(NotForYou):
        issue(replace(actor, pinned=frozenset({"a/"})), "a/")


def test_one_has_no_more_of_them_at_a_time_than_a_program_needs(place, actor):
    first = issue(actor, "a/").row
    with tenant(place.id):
        rows = [replace_row(first, number) for number in range(MOST_LIVE - 1)]
        StorageCredential.objects.bulk_create(rows)
    with pytest.raises(TooManyCredentials):
        issue(actor, "a/")
    with tenant(place.id):
        actions.revoke_credentials(actor=actor, credentials_id=first.id)
    assert issue(actor, "a/")


def replace_row(row, number):
    kept = "organization_id environment_id token_digest permission issued_to_kind issued_to_id membership_id"
    kept += " created_at expires_at"
    same = {name: getattr(row, name) for name in kept.split()}
    return StorageCredential(access_key=f"HQ{number:022}", secret="s", label="l", paths=["a/"], **same)


def test_they_are_seen_and_revoked_by_their_holder_and_by_who_revokes_keys(committed_place):
    one, other, admin = (member(committed_place, role).api() for role in (Role.ANALYST, Role.ANALYST, Role.ADMIN))
    mine, theirs = (one.json("POST", "credentials", {"paths": [path]}).json()["id"] for path in ("a/", "b/"))
    assert other.json("GET", "credentials").json()["items"] == []
    for verb in ("GET", "DELETE"):
        assert_refused(other.json(verb, f"credentials/{mine}"), 403)
        assert_refused(other.json(verb, f"credentials/{new_id()}"), 403)
    assert_refused(admin.json("GET", f"credentials/{new_id()}"), 404)
    assert [row["id"] for row in one.json("GET", "credentials").json()["items"]] == [theirs, mine]
    assert one.json("DELETE", f"credentials/{mine}").status_code == 204
    assert_refused(one.json("DELETE", f"credentials/{mine}"), 409, "already-ended")
    assert admin.json("DELETE", f"credentials/{theirs}").status_code == 204
    assert admin.json("GET", "credentials").json()["items"] == []
    with tenant(committed_place.id):
        assert AuditEvent.objects.filter(tag="credentials:revoked").count() == 2


def test_those_of_another_organization_look_like_nothing(api):
    given = api.json("POST", "credentials", ASKED).json()["id"]
    stranger = make_place()
    elsewhere = Api(stranger, make_api_key(stranger))
    assert_refused(elsewhere.json("GET", f"credentials/{given}"), 404)
    assert_refused(elsewhere.json("DELETE", f"credentials/{given}"), 404)


def test_ended_ones_are_forgotten_a_day_later(committed_place, monkeypatch):
    for hours in (24, 25):
        monkeypatch.setattr("vault.actions.credentials.now", lambda hours=hours: now() - timedelta(hours=hours))
        issue(committed_place.actor(), f"{hours}/")
    monkeypatch.undo()
    sweep()
    run_jobs()
    with tenant(committed_place.id):
        assert [row.paths for row in StorageCredential.objects.all()] == [["24/"]]
