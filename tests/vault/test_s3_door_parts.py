"""Programs that speak S3 send large files in parts, as boto3 does from 8 MiB on (VLT-4); on both stores."""

import os
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from audit.models import AuditEvent
from hq.db.context import tenant
from hq.lib.clock import now
from jobs import actions as jobs
from tests.aws.fixtures import kms, ministack, s3, s3_user
from tests.factories import Place, make_place, run_jobs
from tests.vault.s3_client import S3, client_of, issue
from tests.vault.support import get, new_content_key, reseal
from vault.models import Blob, DoorPart, ObjectVersion
from vault.store import store_for

__all__ = ["kms", "ministack", "s3", "s3_user"]
KEY = "claims/large"
MIB = 1024 * 1024


@pytest.fixture(params=["embedded", "s3"])
def place(request: pytest.FixtureRequest, transactional_db: None, address: str, settings: Any) -> Place:
    if request.param == "s3":
        request.getfixturevalue("kms")
        request.getfixturevalue("s3")
        settings.STORE, settings.KEY_PROVIDER = "s3", "kms"
    return make_place()


@pytest.fixture
def here(committed_place: Place, address: str) -> Place:
    """Where the store does not matter."""
    return committed_place


def door_of(place: Place) -> S3:
    return client_of(issue(place.actor(), "claims/"))


def begun(door: S3, key: str = KEY, **more: Any) -> dict[str, str]:
    return {"key": key, "UploadId": door("create_multipart_upload", key, **more)["UploadId"]}


def send(door: S3, upload: dict[str, str], *parts: bytes, first: int = 1) -> dict[str, Any]:
    """The document that completes it."""
    sent = [
        {"PartNumber": number, "ETag": door("upload_part", **upload, PartNumber=number, Body=part)["ETag"]}
        for number, part in enumerate(parts, start=first)
    ]
    return {"Parts": sent}


def left(place: Place) -> tuple[int, list[str]]:
    """Rows of parts, and states of sealed files."""
    with tenant(place.id):
        return DoorPart.objects.count(), sorted(Blob.objects.values_list("state", flat=True))


def test_boto3_uploads_a_large_file_as_it_is_used_to(place: Place) -> None:
    door, content = door_of(place), os.urandom(17 * MIB + 5)
    alone = TransferConfig(use_threads=False)
    door.client.upload_fileobj(BytesIO(content), door.bucket, KEY, {"ContentType": "text/csv"}, Config=alone)
    assert get(place.actor(), KEY) == content
    down = BytesIO()
    door.client.download_fileobj(door.bucket, KEY, down, Config=alone)
    assert down.getvalue() == content
    with tenant(place.id):
        version = ObjectVersion.objects.get()
        assert (version.size, version.content_type) == (len(content), "text/csv")
        event = AuditEvent.objects.get(tag="object:created")
        assert (event.actor_kind, event.actor_id) == ("credentials", door.issued.row.id)
        bucket = version.blob.bucket
    assert left(place) == (0, ["STORED"])
    assert len(store_for(bucket.store).keys_of(bucket.name)) == 1
    # The other acts of the door on this store, once: a slice, a list, a deletion.
    assert door("get_object", KEY, Range="bytes=8388600-8388619")["Body"].read() == content[8388600:8388620]
    assert door.keys("claims/") == [KEY]
    door("delete_object", KEY)
    assert door.keys("claims/") == []


def test_parts_come_in_any_order_again_and_are_listed(here: Place) -> None:
    door = door_of(here)
    upload = begun(door)
    assert door("list_parts", **upload).get("Parts", []) == []
    send(door, upload, b"old", first=2)
    second = send(door, upload, b"second", first=2)["Parts"]
    first = send(door, upload, b"first ")["Parts"]
    send(door, upload, b"never meant", first=7)
    page = door("list_parts", **upload, MaxParts=2)
    assert [(part["PartNumber"], part["Size"]) for part in page["Parts"]] == [(1, 6), (2, 6)]
    assert (page["IsTruncated"], page["NextPartNumberMarker"]) == (True, 2)
    rest = door("list_parts", **upload, PartNumberMarker=2)
    assert [part["PartNumber"] for part in rest["Parts"]] == [7]
    assert reseal(here, new_content_key(here)).resealed == 3
    done = door("complete_multipart_upload", **upload, MultipartUpload={"Parts": first + second})
    assert get(here.actor(), KEY) == b"first second"
    assert done["ETag"] == door("head_object", KEY)["ETag"]
    assert left(here) == (0, ["STORED"])
    again: dict[str, Any] = {"MultipartUpload": {"Parts": first}}
    assert door.refused("complete_multipart_upload", **upload, **again) == (404, "NoSuchUpload")
    with tenant(here.id):
        assert ObjectVersion.objects.count() == 1


def test_what_completes_it_must_name_what_is_there(here: Place) -> None:
    door = door_of(here)
    upload = begun(door)
    one, two = send(door, upload, b"one", b"two")["Parts"]

    def refused(*parts: dict[str, Any], **more: Any) -> str:
        return door.refused("complete_multipart_upload", **upload, MultipartUpload={"Parts": list(parts)}, **more)[1]

    assert refused(two, one) == "InvalidPartOrder"
    assert refused(one, one) == "InvalidPartOrder"
    assert refused(one, {"PartNumber": 3, "ETag": two["ETag"]}) == "InvalidPart"
    assert refused(one, {"PartNumber": 2, "ETag": one["ETag"]}) == "InvalidPart"
    assert refused(one, two, MpuObjectSize=7) == "IncompleteBody"
    assert refused(one, two, ChecksumCRC32="AAAAAA==") == "NotImplemented"
    door("put_object", KEY, Body=b"meanwhile")
    assert refused(one, two, IfNoneMatch="*") == "PreconditionFailed"
    assert get(here.actor(), KEY) == b"meanwhile"
    door("complete_multipart_upload", **upload, MultipartUpload={"Parts": [one, two]}, MpuObjectSize=6)
    assert get(here.actor(), KEY) == b"onetwo"


def test_an_upload_is_of_one_path_and_of_the_credentials_that_began_it(here: Place) -> None:
    door, other = door_of(here), door_of(here)
    upload = begun(door)
    parts = send(door, upload, b"one")
    gone = (404, "NoSuchUpload")
    for lost, named in ((other, upload), (door, upload | {"key": "claims/other"}), (door, upload | {"UploadId": "x"})):
        assert lost.refused("upload_part", **named, PartNumber=2, Body=b"x") == gone
        assert lost.refused("list_parts", **named) == gone
        assert lost.refused("complete_multipart_upload", **named, MultipartUpload=parts) == gone
        assert lost.refused("abort_multipart_upload", **named) == gone
    outside = upload | {"key": "elsewhere/a"}
    assert door.refused("create_multipart_upload", "elsewhere/a") == (403, "AccessDenied")
    assert door.refused("upload_part", **outside, PartNumber=1, Body=b"x") == (403, "AccessDenied")
    reading = client_of(issue(here.actor(), "claims/", permission="read"))
    assert reading.refused("create_multipart_upload", KEY) == (403, "AccessDenied")
    for number in (0, 10_001):
        assert door.refused("upload_part", **upload, PartNumber=number, Body=b"x")[0] == 400
    assert door.refused("upload_part", **upload, PartNumber=1, Body=b"x", ChecksumCRC32="AAAAAA==") == (
        400,
        "BadDigest",
    )
    assert left(here) == (1, ["STORED"])


def test_what_hq_does_not_do_with_parts_is_refused(here: Place) -> None:
    door = door_of(here)
    door("put_object", "claims/a", Body=b"x")
    upload = begun(door)
    copy: dict[str, Any] = {"CopySource": {"Bucket": door.bucket, "Key": "claims/a"}}
    undone = (501, "NotImplemented")
    assert door.refused("upload_part_copy", **upload, PartNumber=1, **copy) == undone
    assert door.refused("copy_object", KEY, **copy) == undone
    assert door.refused("create_multipart_upload", KEY, ChecksumAlgorithm="CRC64NVME") == undone
    assert door.refused("create_multipart_upload", KEY, Metadata={"a": "b"}) == undone
    assert door.refused("list_multipart_uploads") == undone


def test_given_up_or_left_alone_nothing_of_it_stays(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    door = door_of(here)
    upload = begun(door)
    send(door, upload, b"one", b"two")
    door("abort_multipart_upload", **upload)
    door("abort_multipart_upload", **upload)
    assert left(here) == (0, [])
    send(door, upload, b"one", b"two")
    monkeypatch.setattr("vault.actions.multipart.now", lambda: now() + timedelta(days=1))
    with tenant(here.id):
        jobs.enqueue("vault.end_parts", organization_id=here.id, payload={})
    run_jobs()
    assert left(here) == (0, [])
