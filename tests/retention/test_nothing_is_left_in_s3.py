"""The same erasure where files lie in S3 and keys in KMS: bucket, uploads, landing area, and what Valkey holds."""

import os
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.conf import settings as django_settings
from redis import Redis

from hq.db.context import tenant
from keys.models import Cmk, DataKey
from retention.models import Erasure
from tests.aws.fixtures import Aws, kms, ministack, s3, s3_user
from tests.aws.landing_role import landing_role
from tests.factories import make_api_key, make_person, make_place, run_jobs, sign_in
from tests.retention.support import ask, erasure_of, make_due, work
from tests.retention.test_nothing_is_left import found_in, word
from tests.vault.http import Api
from tests.vault.s3_client import client_of, issue
from vault import actions as vault
from vault.models import Blob, Bucket

__all__ = ["kms", "ministack", "s3", "s3_user"]
pytestmark = pytest.mark.django_db(transaction=True)
GONE = {"NoSuchBucket", "404"}


def in_valkey(sought: dict[str, bytes]) -> set[str]:
    """Which words stand in a key's name or in what it holds, whatever kind it is of."""
    client: Any = Redis.from_url(django_settings.REDIS_URL)
    read = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"stream": client.xrange,
    }
    held = [repr((key, read[client.type(key)](key))).encode() for key in client.scan_iter() if client.exists(key)]
    assert held, "there is something to look at"
    return {name for name, value in sought.items() for each in held if value in each}


def fill(place: Any, admin: Any, bucket: str, path: str) -> None:
    """Every kind of thing that a bucket of HQ may hold."""
    actor = place.actor()
    vault.put_object(actor=actor, path=f"{path}/file", chunks=[os.urandom(100_000)])
    vault.put_object(actor=actor, path=f"{path}/file", chunks=[b"again"])
    vault.delete_object(actor=actor, path=f"{path}/file")
    upload = vault.begin_upload(actor=actor, path=f"{path}/upload", size=5)
    vault.address_parts(actor=actor, upload_id=upload.id, parts=[1])
    door = client_of(issue(actor, f"{path}/"))
    begun = door("create_multipart_upload", f"{path}/parts")["UploadId"]
    door("upload_part", f"{path}/parts", UploadId=begun, PartNumber=1, Body=b"part")
    way = vault.open_direct_way(actor=actor, credentials_id=door.issued.row.id)
    for name, version in (("left", b"1"), ("left", b"2"), ("marked", b"3")):
        admin.put_object(Bucket=bucket, Key=f"{way.prefix}{path}/{name}", Body=version)
    admin.delete_object(Bucket=bucket, Key=f"{way.prefix}{path}/marked")
    admin.create_multipart_upload(Bucket=bucket, Key=f"{way.prefix}{path}/begun")


def test_bucket_keys_and_caches_hold_nothing_of_an_erased_organization(
    kms: Aws, s3: Aws, settings: Any, address: str, client: Any
) -> None:
    settings.STORE, settings.KEY_PROVIDER = "s3", "kms"
    settings.S3_ROLE_ARN, settings.STS_ENDPOINT = landing_role(s3), s3.tls
    words = {name: word(name) for name in ("org", "path", "account")}
    owner = make_person(email=f"{words['account']}@example.com", name="Olive")
    place, admin = make_place(name=words["org"], owner=owner), s3.client("s3")
    with tenant(place.id):
        bucket, cmk = Bucket.objects.get().name, Cmk.objects.get(organization_id=place.id).ref
    fill(place, admin, bucket, words["path"])
    assert Api(place, make_api_key(place)).json("GET", "objects").status_code == 200
    browser = sign_in(owner)
    assert browser.get(f"/o/{place.slug}/live/files/").status_code == 200
    lists = admin.list_object_versions(Bucket=bucket)
    assert lists["DeleteMarkers"]
    assert len(lists["Versions"]) >= 5
    assert len(admin.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 2

    ask(place)
    make_due(place.id)
    work()
    run_jobs()

    assert erasure_of(place.id).state == Erasure.State.ERASED
    with pytest.raises(ClientError) as error:
        admin.list_object_versions(Bucket=bucket)
    assert error.value.response["Error"]["Code"] in GONE
    assert bucket not in {each["Name"] for each in admin.list_buckets()["Buckets"]}
    assert kms.client().describe_key(KeyId=cmk)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    with tenant(place.id):
        assert not Blob.objects.exists()
        assert not DataKey.objects.filter(organization_id=place.id, wrapped__isnull=False).exists()
    sought = {name: value.encode() for name, value in words.items()} | {"bucket": bucket.encode()}
    assert found_in(sought) == set()
    assert in_valkey(sought | {"id": str(place.id).encode(), "hex": place.id.hex.encode()}) == set()
