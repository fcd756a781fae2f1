"""An organization's bucket in S3: made with all that protects it (VLT-1, VLT-2, OPS-8), and taken down to nothing."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from vault.store import base
from vault.store.base import BucketMissing, MissingBytes, Told
from vault.store.s3_faults import BucketNotEmpty, BucketOurs, WrongRegion, of_code
from vault.store.s3_line import Answer, Line, log

FIRST_REGION = "us-east-1"  # which AWS takes for meant when none is named, and refuses to be told
DAYS_UNFINISHED, DAYS_REPLACED = 7, 1
_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
_NOT_IN_XML = re.compile("[\x00-\x1f\ufffe\uffff]")  # and what a reader of XML may take for something else
ROUNDS = 5  # of emptying a bucket that something still comes into
UPLOADS_GO_ON = {"NextKeyMarker": "KeyMarker", "NextUploadIdMarker": "UploadIdMarker"}
VERSIONS_GO_ON = {"NextKeyMarker": "KeyMarker", "NextVersionIdMarker": "VersionIdMarker"}


def make(line: Line, bucket: str, cmk: str, origin: str) -> None:
    """Make it, or find it made, and bring all of its rules to what stands here.

    Closed to the public before anything else. Raises WrongRegion, BucketTaken.
    """
    place = {} if line.region == FIRST_REGION else {"LocationConstraint": line.region}
    with suppress(BucketOurs):  # made before: what it is like is put right below
        line.do(
            "create_bucket",
            bucket,
            ObjectOwnership="BucketOwnerEnforced",
            **({"CreateBucketConfiguration": place} if place else {}),
        )
    if line.ask("head_bucket", bucket, _region) not in line.regions:
        raise WrongRegion
    line.do("put_public_access_block", bucket, PublicAccessBlockConfiguration=dict.fromkeys(_CLOSED, True))
    line.do("put_bucket_policy", bucket, Policy=json.dumps(policy(bucket, cmk, line.region)))
    line.do("put_bucket_encryption", bucket, ServerSideEncryptionConfiguration={"Rules": [encryption(cmk)]})
    line.do("put_bucket_versioning", bucket, VersioningConfiguration={"Status": "Enabled"})
    line.do("put_bucket_lifecycle_configuration", bucket, LifecycleConfiguration={"Rules": [_LIFE]})
    line.do("put_bucket_cors", bucket, CORSConfiguration={"CORSRules": [_cors(origin)]})


_CLOSED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
# Versioning is a net under what HQ does, not how it keeps versions: each of those is an object of its own.
_LIFE = {
    "ID": "hq",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": DAYS_UNFINISHED},
    "NoncurrentVersionExpiration": {"NoncurrentDays": DAYS_REPLACED},
    "Expiration": {"ExpiredObjectDeleteMarker": True},
}


def encryption(cmk: str) -> dict[str, Any]:
    """What S3 encrypts with when a request does not say: the organization's CMK, or its own keys if there is none."""
    if not cmk:
        return {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    return {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": cmk},
        "BucketKeyEnabled": True,
    }


def policy(bucket: str, cmk: str, region: str) -> dict[str, Any]:
    """What nobody may do, whatever else allows it: come without TLS, or encrypt under another key than the bucket's.

    A request that names no key gets the bucket's own. A condition that negates holds for what is not there at all, so
    each of them also asks whether the header is there.
    """
    everything = f"arn:{partition(region)}:s3:::{bucket}"
    denied = [
        ("DenyPlaintext", "s3:*", {"Bool": {"aws:SecureTransport": "false"}}),
        (
            "DenyOtherEncryption",
            "s3:PutObject",
            _other("s3:x-amz-server-side-encryption", "aws:kms" if cmk else "AES256"),
        ),
        ("DenyOtherKeys", "s3:PutObject", _other("s3:x-amz-server-side-encryption-aws-kms-key-id", cmk)),
        ("DenyKeysOfSenders", "s3:PutObject", _there("s3:x-amz-server-side-encryption-customer-algorithm")),
    ]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": name,
                "Effect": "Deny",
                "Principal": "*",
                "Action": action,
                "Resource": [everything, f"{everything}/*"] if action == "s3:*" else f"{everything}/*",
                "Condition": condition,
            }
            for name, action, condition in denied
        ],
    }


def _there(header: str) -> dict[str, Any]:
    return {"Null": {header: "false"}}


def _other(header: str, than: str) -> dict[str, Any]:
    return _there(header) | ({"StringNotEquals": {header: than}} if than else {})


def partition(region: str) -> str:
    """AWS's partition that a region is in, as ARNs name it."""
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


def _cors(origin: str) -> dict[str, Any]:
    """Browsers on HQ's own pages may send parts of uploads."""
    return {
        "AllowedOrigins": [origin],
        "AllowedMethods": ["PUT"],
        "AllowedHeaders": ["content-type"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3600,
    }


def _region(answer: Answer) -> str:
    region: str = answer["BucketRegion"]
    return region


# ---- what is in it


def uploads(line: Line, bucket: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Place and name of each upload in parts that has not ended."""
    for page in line.pages("list_multipart_uploads", bucket, UPLOADS_GO_ON, Prefix=prefix, MaxUploads=base.PAGE):
        yield from ((upload["Key"], upload["UploadId"]) for upload in page.get("Uploads", ()))


def versions(line: Line, bucket: str, prefix: str = "") -> Iterator[list[dict[str, str]]]:
    """Every version and delete marker, page by page, as `remove` takes them."""
    for page in line.pages("list_object_versions", bucket, VERSIONS_GO_ON, Prefix=prefix, MaxKeys=base.PAGE):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if found:
            yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]


def places(line: Line, bucket: str, after: str) -> list[str]:
    """A page of the places of which there is any version or delete marker."""
    page = line.ask("list_object_versions", bucket, dict, KeyMarker=after, MaxKeys=base.PAGE)
    return sorted({each["Key"] for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]})


def abort(line: Line, bucket: str, place: str, upload: str) -> None:
    """Forget an upload and its parts, if somebody else has not."""
    with suppress(MissingBytes):
        line.do("abort_multipart_upload", bucket, Key=place, UploadId=upload)


def remove(line: Line, bucket: str, found: list[dict[str, str]]) -> None:
    """Remove these versions for good."""
    for each in found:
        if _NOT_IN_XML.search(each["Key"]):  # a document that names it would be refused, and all the others with it
            line.do("delete_object", bucket, **each)
    together = [each for each in found if not _NOT_IN_XML.search(each["Key"])]
    if not together:
        return
    answer = line.ask("delete_objects", bucket, dict, Delete={"Objects": together, "Quiet": True})
    for error in answer.get("Errors", ()):
        log.warning("the object store did not remove it", extra={"bucket": bucket, "code": error.get("Code")})
        raise of_code(str(error.get("Code")), 500)


def take_down(line: Line, bucket: str, told: Told) -> None:
    """Everything in it, then itself; as often as something comes meanwhile. Raises BucketNotEmpty."""
    gone = 0
    for left in reversed(range(ROUNDS)):
        try:
            gone = _empty(line, bucket, told, gone)
            line.do("delete_bucket", bucket)
        except BucketMissing:
            return
        except BucketNotEmpty:
            if not left:
                raise
        else:
            return


def _empty(line: Line, bucket: str, told: Told, gone: int) -> int:
    for place, upload in uploads(line, bucket):
        abort(line, bucket, place, upload)
        gone += 1
        told(gone)
    for page in versions(line, bucket):
        remove(line, bucket, page)
        gone += len(page)
        told(gone)
    return gone
