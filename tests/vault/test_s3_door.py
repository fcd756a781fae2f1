"""Programs that speak S3 reach what their storage credentials open, and are refused everywhere else (VLT-4)."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from audit.models import AccessEntry, AuditEvent
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from tenants import actions as tenants
from tenants.models import ApiKey, Organization, ServiceAccount
from tests.factories import make_place
from tests.vault.limited import let_rules_decide, member, store
from tests.vault.s3_client import client_of, issue
from tests.workloads.support import terms
from vault import actions
from workloads.actions import create_trust, disable_trust

FOLDER, INSIDE, OUTSIDE = "claims/2026/", "claims/2026/a b+ü.txt", "claims/2025/b"
DENIED = (403, "AccessDenied")
ENDED = (400, "ExpiredToken")


@pytest.fixture
def place(committed_place, address):
    store(committed_place, [INSIDE, "claims/2026/q3/c", "claims/2026/q3/d", OUTSIDE])
    return committed_place


@pytest.fixture
def s3(place):
    return client_of(issue(place.actor(), FOLDER))


def test_boto3_reaches_its_prefix(s3, place):
    assert s3.get(INSIDE) == INSIDE.encode()
    put = s3("put_object", "claims/2026/new", Body=b"content" * 1000, ContentType="text/csv")
    head = s3("head_object", "claims/2026/new")
    assert (head["ContentLength"], head["ContentType"], head["ETag"]) == (7000, "text/csv", put["ETag"])
    assert abs(head["LastModified"] - now()) < timedelta(minutes=1)
    assert s3("get_object", "claims/2026/new", Range="bytes=7-13")["Body"].read() == b"content"
    assert s3.keys(FOLDER) == [INSIDE, "claims/2026/new", "claims/2026/q3/c", "claims/2026/q3/d"]
    s3("delete_object", "claims/2026/new")
    s3("delete_object", "claims/2026/new")  # as S3 has it, what is not there is deleted
    assert s3.refused("get_object", "claims/2026/new") == (404, "NoSuchKey")
    with tenant(place.id):
        events = list(AuditEvent.objects.filter(tag__startswith="object:").order_by("index"))[-2:]
        assert [event.tag for event in events] == ["object:created", "object:deleted"]
        assert {(event.actor_kind, event.actor_id) for event in events} == {("credentials", s3.issued.row.id)}
        seen = AccessEntry.objects.filter(actor_kind="credentials", verb="GET").order_by("id").first()
        assert seen is not None
        assert seen.detail["path"] == INSIDE


def test_boto3_is_refused_everywhere_else(s3):
    for act, more in (("get_object", {}), ("put_object", {"Body": b"x"}), ("delete_object", {})):
        for key in (OUTSIDE, "claims/2026", "claims/2026x", "nothing/there", "claims/2025/nothing"):
            assert s3.refused(act, key, **more) == DENIED, (act, key)
    assert s3.refused("head_object", OUTSIDE)[0] == 403
    for prefix in ("", "claims/", "claims/2026", "claims/2025/", "claims/2026/../"):
        assert s3.refused("list_objects_v2", Prefix=prefix)[0] in {400, 403}, prefix


def test_a_path_that_climbs_out_is_no_path(s3):
    for key in ("claims/2026/../2025/b", "claims/2026/%2e%2e/2025/b", "claims/2026//a", "claims/2026/a\\b"):
        assert s3.refused("get_object", key) in {(400, "InvalidArgument"), DENIED}, key


def test_reading_credentials_write_nothing(place):
    s3 = client_of(issue(place.actor(), FOLDER, permission="read"))
    assert s3.get(INSIDE) == INSIDE.encode()
    assert s3.refused("put_object", INSIDE, Body=b"x") == DENIED
    assert s3.refused("delete_object", INSIDE) == DENIED


def test_a_list_comes_in_pages_and_folders(s3):
    first = s3("list_objects_v2", Prefix=FOLDER, MaxKeys=2)
    assert (first["IsTruncated"], first["KeyCount"], len(first["Contents"])) == (True, 2, 2)
    rest = s3("list_objects_v2", Prefix=FOLDER, ContinuationToken=first["NextContinuationToken"])
    assert [row["Key"] for row in rest["Contents"]] == ["claims/2026/q3/d"]
    folders = s3("list_objects_v2", Prefix=FOLDER, Delimiter="/")
    assert [row["Prefix"] for row in folders["CommonPrefixes"]] == ["claims/2026/q3/"]
    assert [row["Key"] for row in folders["Contents"]] == [INSIDE]
    assert s3.keys(FOLDER, StartAfter="claims/2026/q3/c") == ["claims/2026/q3/d"]
    assert s3.keys(FOLDER, StartAfter="claims/2026/q") == ["claims/2026/q3/c", "claims/2026/q3/d"]


def test_the_bucket_is_the_environments_and_any_other_looks_like_nothing(s3):
    assert [bucket["Name"] for bucket in s3.client.list_buckets()["Buckets"]] == [s3.bucket]
    assert s3("head_bucket")["ResponseMetadata"]["HTTPStatusCode"] == 200
    other = make_place()
    for bucket in (f"{other.slug}-live", s3.bucket.replace("-live", "-test"), "nobody-has-this"):
        lost = client_of(s3.issued)
        with pytest.raises(lost.client.exceptions.ClientError) as error:
            lost.client.get_object(Bucket=bucket, Key=INSIDE)
        assert error.value.response["Error"]["Code"] == "NoSuchBucket"


def test_what_hq_does_not_do_is_refused_and_never_left_out_quietly(s3):
    copied = {"CopySource": {"Bucket": s3.bucket, "Key": INSIDE}}
    for act, key, more in (
        ("copy_object", "claims/2026/copy", copied),
        ("put_object", "claims/2026/m", {"Body": b"x", "Metadata": {"kept": "no"}}),
        ("put_object", "claims/2026/m", {"Body": b"x", "ServerSideEncryption": "AES256"}),
        ("put_object", "claims/2026/m", {"Body": b"x", "ACL": "public-read"}),
        ("get_object_acl", INSIDE, {}),
        ("get_bucket_policy", None, {}),
        ("list_objects", None, {}),
        ("get_object", INSIDE, {"VersionId": "1"}),
    ):
        assert s3.refused(act, key, **more) == (501, "NotImplemented"), act
    assert s3.refused("get_object", "claims/2026/copy") == (404, "NoSuchKey")


def test_conditions_hold_here_too(s3):
    tag = s3("put_object", "claims/2026/new", Body=b"1", IfNoneMatch="*")["ETag"]
    assert s3.refused("put_object", "claims/2026/new", Body=b"2", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert s3.refused("put_object", "claims/2026/new", Body=b"2", IfMatch='"other"') == (412, "PreconditionFailed")
    s3("put_object", "claims/2026/new", Body=b"2", IfMatch=tag)
    assert s3.refused("delete_object", "claims/2026/new", IfMatch=tag) == (412, "PreconditionFailed")
    assert s3.refused("get_object", INSIDE, Range="bytes=1000-") == (416, "InvalidRange")


def test_an_address_signed_before_opens_one_object_until_it_ends(s3, client):
    url = s3.client.generate_presigned_url("get_object", {"Bucket": s3.bucket, "Key": INSIDE}, ExpiresIn=60)
    path = url.removeprefix("http://").partition("/")[2]
    host = url.removeprefix("http://").partition("/")[0]
    assert client.get(f"/{path}", headers={"host": host}).getvalue() == INSIDE.encode()
    for changed in (
        path.replace("a%20b", "a%20c"),
        path.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        path + "&response-content-type=text/html",
    ):
        assert b"<Code>SignatureDoesNotMatch<" in client.get(f"/{changed}", headers={"host": host}).content
    assert b"<Code>SignatureDoesNotMatch<" in client.delete(f"/{path}", headers={"host": host}).content


# ---- they end with what they stand on


def test_they_end_when_they_are_revoked_or_their_time_is_over(s3, place, monkeypatch):
    with tenant(place.id):
        actions.revoke_credentials(actor=place.actor(), credentials_id=s3.issued.row.id)
    assert s3.refused("get_object", INSIDE) == ENDED
    monkeypatch.setattr("vault.actions.credentials.now", lambda: now() - timedelta(seconds=901))
    late = issue(place.actor(), FOLDER)
    monkeypatch.undo()
    assert client_of(late).refused("get_object", INSIDE) == ENDED


def test_they_give_no_more_than_a_member_may_do_now(place):
    let_rules_decide(place)
    ines = member(place)
    ines.give("claims/")
    s3 = client_of(issue(ines.actor, FOLDER, permission="read"))
    assert s3.keys(FOLDER)[0] == INSIDE
    ines.withdraw("claims/")
    ines.give("claims/2026/q3/")
    assert s3.refused("get_object", INSIDE) == DENIED
    assert s3.get("claims/2026/q3/c") == b"claims/2026/q3/c"
    assert s3.keys("claims/2026/q3/") == s3.keys(FOLDER) == ["claims/2026/q3/c", "claims/2026/q3/d"]
    ines.leave()
    assert s3.refused("get_object", "claims/2026/q3/c") == (403, "InvalidAccessKeyId")


def test_they_end_with_the_organization_and_come_from_its_networks_only(place, s3):
    def change(**columns):
        with tenant(place.id):
            Organization.objects.filter(pk=place.id).update(**columns)

    change(networks=["198.51.100.0/24"])
    assert s3.refused("get_object", INSIDE) == DENIED
    change(networks=["127.0.0.0/8", "::1/128"])
    assert s3.get(INSIDE)
    change(email_domains=["elsewhere.example"])
    assert s3.refused("get_object", INSIDE) == ENDED
    change(email_domains=[], state="SUSPENDED")
    assert s3.refused("get_object", INSIDE) == ENDED


def test_they_end_with_the_key_that_got_them(place):
    api = member(place).api()
    given = api.json("POST", "credentials", {"paths": [FOLDER], "permission": "write"}).json()
    s3 = client_of(_issued(given))
    assert s3.get(INSIDE)

    def change(**columns):
        with tenant(place.id):
            ApiKey.objects.filter(organization_id=place.id).update(**columns)

    change(scopes=[Permission.OBJECTS_READ])
    assert s3.refused("put_object", INSIDE, Body=b"x") == DENIED
    change(networks=["198.51.100.0/24"])
    assert s3.refused("get_object", INSIDE) == DENIED
    change(networks=[], revoked_at=now())
    assert s3.refused("get_object", INSIDE) == ENDED


def test_they_end_with_the_trust_of_a_workload_and_with_its_service_account(place):
    with tenant(place.id):
        account = tenants.create_service_account(actor=place.actor(), name="Nightly")
        trusts = [create_trust(actor=place.actor(), service_account_id=account.id, **terms()) for _ in range(2)]
    first, second = (client_of(issue(_workload(place, trust, account), FOLDER)) for trust in trusts)
    assert first.get(INSIDE) == second.get(INSIDE) == INSIDE.encode()
    with tenant(place.id):
        disable_trust(actor=place.actor(), trust_id=trusts[0].id)
    assert first.refused("get_object", INSIDE) == ENDED
    with tenant(place.id):
        ServiceAccount.objects.filter(pk=account.id).update(ended_at=now())
    assert second.refused("get_object", INSIDE) == ENDED


def _workload(place, trust, account):
    found = place.actor(Role.OWNER)
    kept = {"kind": "workload", "id": trust.id, "method": AuthMethod.WORKLOAD, "person_id": None}
    return replace(found, **kept, principal_id=account.id, role=Role.SERVICE_ACCOUNT)


def _issued(given):
    return SimpleNamespace(
        row=SimpleNamespace(access_key=given["access_key_id"], id=given["id"]),
        secret=given["secret_access_key"],
        session_token=given["session_token"],
        bucket=given["bucket"],
    )
