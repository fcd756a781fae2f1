"""Sessions of AWS put files into their landing area and nowhere else, and what lands is taken in (VLT-4)."""

import os
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from audit.models import AuditEvent
from hq.authz.levels import Level
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from tenants.models import Organization
from tests.aws.fixtures import Aws, kms, ministack, s3, s3_user
from tests.aws.landing_role import landing_role
from tests.factories import Place, make_place, run_jobs
from tests.vault.limited import let_rules_decide, member
from tests.vault.s3_client import issue
from tests.vault.support import get
from vault import actions, tasks
from vault.actions.credentials import AlreadyEnded
from vault.actions.landing import DirectWay, NoDirectWay, NotTheirs, NotToWrite, TooLateForSession
from vault.models import Bucket, ObjectVersion, StorageCredential
from vault.store.s3_faults import StoreRefused
from vault.store.s3_sessions import TooManyPaths, Wanted, policy

__all__ = ["kms", "ministack", "s3", "s3_user"]
MIB = 1024 * 1024
ALONE = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})


@pytest.fixture
def place(transactional_db: None, kms: Aws, s3: Aws, settings: Any) -> Place:
    settings.STORE, settings.KEY_PROVIDER = "s3", "kms"
    settings.S3_ROLE_ARN, settings.STS_ENDPOINT = landing_role(s3), s3.tls
    return make_place()


@pytest.fixture
def admin(s3: Aws) -> Any:
    return s3.client("s3")


def way_to(place: Place, *paths: str, actor: Any = None) -> DirectWay:
    actor = actor or place.actor()
    issued = issue(actor, *paths)
    return actions.open_direct_way(actor=actor, credentials_id=issued.row.id)


def client_of(way: DirectWay, service: str = "s3", **changed: Any) -> Any:
    given = {
        "endpoint_url": way.session.endpoint,
        "region_name": way.session.region,
        "aws_access_key_id": way.session.access_key,
        "aws_secret_access_key": way.session.secret,
        "aws_session_token": way.session.session_token,
        "config": ALONE,
    }
    return boto3.client(service, **given | changed)


def put(way: DirectWay, path: str, content: bytes, **more: Any) -> None:
    client_of(way).put_object(Bucket=way.bucket, Key=f"{way.prefix}{path}", Body=content, **more)


def refused(act: Any, **more: Any) -> str:
    with pytest.raises(ClientError) as error:
        act(**more)
    code: str = error.value.response["Error"]["Code"]
    return code


def take_in() -> None:
    tasks.look_for_landed()
    run_jobs()


def left(admin: Any, way: DirectWay) -> list[str]:
    found = admin.list_object_versions(Bucket=way.bucket, Prefix="landing/")
    return [each["Key"] for each in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]]


def events(place: Place, *tags: str) -> list[AuditEvent]:
    with tenant(place.id):
        found = list(AuditEvent.objects.filter(tag__in=tags).order_by("index"))
        for event in found:
            _ = event.detail
    return found


def test_what_boto3_puts_becomes_an_object_of_the_credentials_and_leaves_the_landing_area(
    place: Place, admin: Any
) -> None:
    way = way_to(place, "claims/")
    content = os.urandom(100_000)
    put(way, "claims/a b+ü.csv", content, ContentType="text/csv")
    put(way, "claims/empty", b"")
    big = os.urandom(9 * MIB)
    client_of(way).upload_fileobj(BytesIO(big), way.bucket, f"{way.prefix}claims/big")  # boto3 sends this in parts
    body = admin.get_object(Bucket=way.bucket, Key=f"{way.prefix}claims/big")
    assert body["ServerSideEncryption"] == "aws:kms"
    take_in()
    actor = place.actor()
    assert get(actor, "claims/a b+ü.csv") == content
    assert get(actor, "claims/big") == big
    assert get(actor, "claims/empty") == b""
    assert left(admin, way) == []
    issued, session = events(place, "credentials:issued")
    assert (session.actor_id, session.target_id) == (issued.actor_id, str(way.row.id))
    assert session.detail["after"] == {
        "access_key": way.row.access_key,
        "paths": ["claims/"],
        "landing": way.prefix,
        "seconds": 900,
    }
    made = events(place, "object:created")
    assert {(event.actor_kind, event.actor_id) for event in made} == {("credentials", way.row.id)}
    with tenant(place.id):
        assert ObjectVersion.objects.get(object__path="claims/a b+ü.csv").content_type == "text/csv"


def test_a_session_reaches_its_area_and_nothing_else(place: Place, admin: Any, s3: Aws, settings: Any) -> None:
    actions.put_object(actor=place.actor(), path="claims/a", chunks=[b"sealed"])
    other = make_place()
    with tenant(other.id):
        others = Bucket.objects.get().name
    way = way_to(place, "claims/", "one")
    s3c = client_of(way)
    put(way, "claims/x", b"x")
    put(way, "one", b"1")
    sealed = admin.list_objects_v2(Bucket=way.bucket, Prefix="objects/")["Contents"][0]["Key"]
    mine = {"Bucket": way.bucket}
    for key in ("landing/", f"{way.prefix}other/x", f"{way.prefix}one/more", f"landing/{way.row.id}/claims/x"):
        assert refused(s3c.put_object, Key=key, Body=b"x", **mine) == "AccessDenied", key
    for key in (sealed, "incoming/x", "objects/00/x"):
        assert refused(s3c.put_object, Key=key, Body=b"x", **mine) == "AccessDenied", key
    assert refused(s3c.put_object, Bucket=others, Key=f"{way.prefix}claims/x", Body=b"x") == "AccessDenied"
    for key in (sealed, f"{way.prefix}claims/x"):
        assert refused(s3c.get_object, Key=key, **mine) == "AccessDenied", key
        assert refused(s3c.delete_object, Key=key, **mine) == "AccessDenied", key
    for act in (s3c.list_objects_v2, s3c.list_object_versions, s3c.get_bucket_policy, s3c.list_multipart_uploads):
        assert refused(act, **mine) == "AccessDenied", act
    assert refused(s3c.list_objects_v2, Prefix=way.prefix, **mine) == "AccessDenied"
    assert refused(s3c.list_buckets) == "AccessDenied"
    copy = {"Key": f"{way.prefix}claims/copy", "CopySource": {"Key": sealed, **mine}}
    assert refused(s3c.copy_object, **copy, **mine) == "AccessDenied"
    for more in ({"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/mine"}):
        assert refused(s3c.put_object, Key=f"{way.prefix}claims/k", Body=b"x", **more, **mine) == "AccessDenied"
    # Nor can it get itself more: by its role again, by a right of its own, or with another's token.
    sts, iam = client_of(way, "sts"), client_of(way, "iam")
    again = {"RoleArn": settings.S3_ROLE_ARN, "RoleSessionName": "wider"}
    assert refused(sts.assume_role, **again) == "AccessDenied"
    assert refused(iam.put_role_policy, RoleName="hq-landing", PolicyName="more", PolicyDocument="{}") == "AccessDenied"
    second = way_to(place, "other/")
    mixed = client_of(way, aws_session_token=second.session.session_token)
    assert refused(mixed.put_object, Key=f"{second.prefix}other/x", Body=b"x", **mine) in {
        "InvalidToken",
        "InvalidClientTokenId",
    }
    plain = client_of(way, endpoint_url=s3.address)
    assert refused(plain.put_object, Key=f"{way.prefix}claims/plain", Body=b"x", **mine) == "AccessDenied"


def test_a_session_works_from_the_networks_of_its_organization(place: Place) -> None:
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(networks=["198.51.100.0/24"])
    way = way_to(place, "claims/")
    at = {"Bucket": way.bucket, "Key": f"{way.prefix}claims/x", "Body": b"x"}
    assert refused(client_of(way).put_object, **at) == "AccessDenied"
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(networks=["127.0.0.0/8"])
    put(way_to(place, "claims/"), "claims/x", b"x")


def test_the_newest_of_what_landed_counts_and_a_killed_job_takes_nothing_in_twice(
    place: Place, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = way_to(place, "claims/")
    put(way, "claims/a", b"first")
    put(way, "claims/a", b"second")

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vault.store.s3_landing.Landing.discard", killed)
        with pytest.raises(KeyboardInterrupt):
            take_in()
    assert get(place.actor(), "claims/a") == b"second"
    with tenant(place.id):
        Job.objects.filter(kind="vault.take_in").update(state="QUEUED", lease_until=None, claim_id=None)
    run_jobs()
    assert left(admin, way) == []
    with tenant(place.id):
        assert ObjectVersion.objects.count() == 1


def test_what_is_not_theirs_to_store_is_refused_told_once_and_removed(place: Place, admin: Any, settings: Any) -> None:
    let_rules_decide(place)
    ines = member(place)
    ines.give("claims/", Level.WRITE)
    way = way_to(place, "claims/", actor=ines.actor)
    settings.MAX_OBJECT_SIZE = 1000
    put(way, "claims/large", bytes(1001))
    put(way, "claims/./odd", b"x")
    put(way, "claims/asleep", b"x", StorageClass="GLACIER")
    put(way, "claims/fine", b"x")
    take_in()
    take_in()
    assert left(admin, way) == []
    assert get(place.actor(), "claims/fine") == b"x"
    told = {event.detail["after"]["path"]: event.detail["after"]["why"] for event in events(place, "object:refused")}
    assert set(told) == {"claims/large", "claims/./odd", "claims/asleep"}
    assert "larger than this HQ accepts" in told["claims/large"]
    put(way, "claims/late", b"x")
    ines.withdraw("claims/")
    take_in()
    assert left(admin, way) == []
    assert [event.detail["after"]["path"] for event in events(place, "object:refused")][-1] == "claims/late"
    with tenant(place.id):
        assert set(ObjectVersion.objects.values_list("object__path", flat=True)) == {"claims/fine"}


def test_what_cannot_be_read_in_one_area_holds_up_no_other(place: Place, admin: Any) -> None:
    hostile, other = way_to(place, "claims/"), way_to(place, "claims/")
    put(hostile, "claims/\x01", b"x")  # which the store of these tests cannot list
    put(other, "claims/fine", b"x")
    take_in()
    assert get(place.actor(), "claims/fine") == b"x"
    with tenant(place.id):
        assert Job.objects.get(kind="vault.take_in").state == "QUEUED"  # it is tried again


def test_what_lands_after_they_were_revoked_is_thrown_away(place: Place, admin: Any) -> None:
    way = way_to(place, "claims/")
    with tenant(place.id):
        actions.revoke_credentials(actor=place.actor(), credentials_id=way.row.id)
    put(way, "claims/a", b"x")
    take_in()
    assert left(admin, way) == []
    with tenant(place.id):
        assert not ObjectVersion.objects.exists()
    with pytest.raises(AlreadyEnded):
        actions.open_direct_way(actor=place.actor(), credentials_id=way.row.id)


def test_an_area_is_closed_an_hour_after_its_credentials_end(
    place: Place, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = way_to(place, "claims/")
    put(way, "claims/a", b"in time")
    begun = admin.create_multipart_upload(Bucket=way.bucket, Key=f"{way.prefix}claims/never %41+ü")
    assert begun["UploadId"]
    monkeypatch.setattr("vault.actions.landing.now", lambda: now() + timedelta(hours=2))
    take_in()
    assert get(place.actor(), "claims/a") == b"in time"
    assert admin.list_multipart_uploads(Bucket=way.bucket).get("Uploads", []) == []
    with tenant(place.id):
        assert not StorageCredential.objects.get().lands


@pytest.mark.parametrize(("chained", "seconds"), [(False, 43_200), (True, 3600)])
def test_a_session_lives_as_long_as_its_credentials_and_an_hour_where_hq_has_a_session_itself(
    place: Place, monkeypatch: pytest.MonkeyPatch, chained: bool, seconds: int
) -> None:
    monkeypatch.setattr("vault.store.s3_sessions.is_chained", lambda _: chained)
    issued = issue(place.actor(), "claims/", seconds=43_200)
    way = actions.open_direct_way(actor=place.actor(), credentials_id=issued.row.id)
    assert seconds - 30 < (way.session.expires_at - now()).total_seconds() <= seconds
    assert way.session.expires_at <= issued.row.expires_at + timedelta(seconds=1)


def test_no_session_is_given_without_a_right_to_write_now(
    place: Place, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = place.actor()
    reading = issue(owner, "claims/", permission="read").row
    writing = issue(owner, "claims/").row

    def ask(row: StorageCredential, actor: Any = owner) -> None:
        actions.open_direct_way(actor=actor, credentials_id=row.id)

    with pytest.raises(NotToWrite):
        ask(reading)
    with pytest.raises(NotTheirs):
        ask(writing, replace(owner, kind="api_key"))
    with monkeypatch.context() as later:
        later.setattr("vault.actions.landing.now", lambda: now() + timedelta(minutes=10))
        with pytest.raises(TooLateForSession):
            ask(writing)
    many = issue(owner, *(f"claims/{number}/{'x' * 200}/" for number in range(20))).row
    with pytest.raises(TooManyPaths):
        ask(many)
    settings.S3_ROLE_ARN = "arn:aws:iam::000000000000:role/not-there"
    with pytest.raises(StoreRefused):
        ask(issue(owner, "claims/").row)
    settings.S3_ROLE_ARN = ""
    with pytest.raises(NoDirectWay):
        ask(issue(owner, "claims/").row)


def test_signs_that_stand_for_anything_stand_for_themselves_in_a_policy() -> None:
    wanted = Wanted(bucket="hq-a", id=StorageCredential().id, paths=["a*/", "b?$", ""], cmk="", seconds=900)
    (only,) = policy(wanted, "cn-north-1")["Statement"]
    area = f"arn:aws-cn:s3:::hq-a/landing/{wanted.id.hex}/"
    assert only["Resource"] == [f"{area}a${{*}}/*", f"{area}b${{?}}${{$}}", f"{area}*"]
