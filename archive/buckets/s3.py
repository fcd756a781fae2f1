"""The archive in a bucket of S3 with Object Lock: nobody removes a file for seven years, HQ's own role included.

HQ's role need only put, read and list; making the bucket is the operator's (bin/manage archive_bucket). AWS's words
stay behind in every refusal: the log gets the operation and AWS's code.
"""

import json
import logging
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from hashlib import sha256
from time import monotonic
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from archive.buckets.base import (
    Absent,
    AlreadyThere,
    ArchiveFault,
    ArchiveMissing,
    ArchiveRefused,
    ArchiveUnavailable,
    NotLocked,
    check_name,
)
from hq.lib.aws import Client

log = logging.getLogger("hq.archive")
YEARS, DAYS = 7, 2557  # seven years have one or two leap days
TO_GLACIER, TO_DEEP_ARCHIVE = 90, 365
LOOKED_FOR = 3600.0  # seconds; the rule can be taken away from a bucket that has one
FIRST_REGION = "us-east-1"  # which AWS takes for meant when none is named, and refuses to be told
_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
_CLOSED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
LOCK: Final[Mapping[str, Any]] = {
    "ObjectLockEnabled": "Enabled",
    "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Years": YEARS}},
}
LIFE: Final[Mapping[str, Any]] = {
    "ID": "hq-archive",
    "Status": "Enabled",
    "Filter": {"Prefix": "audit/"},
    "Transitions": [
        {"Days": TO_GLACIER, "StorageClass": "GLACIER"},
        {"Days": TO_DEEP_ARCHIVE, "StorageClass": "DEEP_ARCHIVE"},
    ],
    # What is locked still is passed over: the end comes with the lock's, never before.
    "Expiration": {"Days": DAYS},
    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
}


class S3Bucket:
    """A Bucket in S3. Threads share it."""

    lockable = True

    def __init__(self, name: str, region: str, endpoint: str = "", *, read_seconds: float = 60, tries: int = 4) -> None:
        self.name, self.region = name, region
        self._client = Client(
            "s3",
            region,
            endpoint or None,
            seconds=(5, read_seconds),
            tries=tries,
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            s3={"addressing_style": "path" if endpoint else "virtual"},
        )
        self._looked_at = -LOOKED_FOR

    @property
    def where(self) -> str:
        return f"the bucket {self.name} in {self.region}"

    def prepare(self) -> None:
        place = {} if self.region == FIRST_REGION else {"LocationConstraint": self.region}
        with suppress(_Ours):  # made before: what it is like is put right below
            self._ask(
                "create_bucket",
                ObjectLockEnabledForBucket=True,
                ObjectOwnership="BucketOwnerEnforced",
                **({"CreateBucketConfiguration": place} if place else {}),
            )
        self._ask("put_public_access_block", PublicAccessBlockConfiguration=dict.fromkeys(_CLOSED, True))
        self._ask("put_bucket_policy", Policy=json.dumps(policy(self.name, self.region)))
        self._ask("put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"})
        self._ask("put_object_lock_configuration", ObjectLockConfiguration=dict(LOCK))
        encryption = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self._ask("put_bucket_encryption", ServerSideEncryptionConfiguration={"Rules": [encryption]})
        self._ask("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [dict(LIFE)]})
        self._check_lock()

    def put(self, name: str, content: bytes) -> None:
        self._check_lock()
        self._ask(
            "put_object",
            Key=check_name(name),
            Body=content,
            ContentType="application/json" if name.endswith(".json") else "application/octet-stream",
            ChecksumSHA256=b64encode(sha256(content).digest()).decode(),
            IfNoneMatch="*",
        )

    def check(self) -> None:
        self._looked_at = -LOOKED_FOR
        self._check_lock()

    def digest(self, name: str) -> bytes:
        """S3 keeps the checksum that it compared when it took the file, and tells it of what lies in GLACIER too."""
        told = self._ask("head_object", Key=check_name(name), ChecksumMode="ENABLED").get("ChecksumSHA256", "")
        try:
            known = b64decode(told, validate=True)
        except ValueError:
            known = b""
        return known if len(known) == sha256().digest_size else sha256(self.read(name)).digest()

    def read(self, name: str) -> bytes:
        answer = self._ask("get_object", Key=check_name(name))
        try:
            content: bytes = answer["Body"].read()
        except (BotoCoreError, OSError) as error:
            raise ArchiveUnavailable from error
        return content

    def names(self, prefix: str) -> Iterator[str]:
        check_name(prefix + "x")
        more: dict[str, Any] = {}
        while True:
            page = self._ask("list_objects_v2", Prefix=prefix, **more)
            yield from (each["Key"] for each in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _check_lock(self) -> None:
        """Once an hour: nothing is written where it would not be locked for so long. Raises NotLocked."""
        if monotonic() - self._looked_at < LOOKED_FOR:
            return
        found = self._ask("get_object_lock_configuration").get("ObjectLockConfiguration", {})
        kept = found.get("Rule", {}).get("DefaultRetention", {})
        if found.get("ObjectLockEnabled") != "Enabled" or kept.get("Mode") not in {"GOVERNANCE", "COMPLIANCE"}:
            raise NotLocked
        if kept.get("Years", 0) < YEARS and kept.get("Days", 0) < YEARS * 365:
            raise NotLocked
        self._looked_at = monotonic()

    def _ask(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self._client(), operation)(Bucket=self.name, **parameters)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            raise self._told(operation, code, _of_code(code, status)) from None
        except BotoCoreError as error:
            raise self._told(operation, type(error).__name__, ArchiveUnavailable()) from None
        except (ValueError, TypeError, LookupError, AttributeError) as error:  # an answer that botocore cannot read
            raise self._told(operation, type(error).__name__, ArchiveUnavailable()) from None
        return answer

    def _told(self, operation: str, code: str, fault: Exception) -> Exception:
        if isinstance(fault, ArchiveFault):
            log.warning(
                "the archive's bucket did not do it", extra={"operation": operation, "bucket": self.name, "code": code}
            )
        return fault


class _Ours(Exception):
    """The bucket is made already."""


_BY_CODE: Final[Mapping[str, type[Exception]]] = {
    **dict.fromkeys(("404", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed"), Absent),
    **dict.fromkeys(("412", "PreconditionFailed"), AlreadyThere),
    **dict.fromkeys(("ObjectLockConfigurationNotFoundError", "InvalidBucketState"), NotLocked),
    **dict.fromkeys(
        ("409", "ConditionalRequestConflict", "OperationAborted", "RequestTimeout", "SlowDown", "Throttling"),
        ArchiveUnavailable,
    ),
    "BucketAlreadyOwnedByYou": _Ours,
    "NoSuchBucket": ArchiveMissing,
}


def _of_code(code: str, status: int) -> Exception:
    kind = _BY_CODE.get(code)
    if kind is None:
        kind = ArchiveUnavailable if status >= 500 or status == 429 else ArchiveRefused
    return kind()


def policy(bucket: str, region: str) -> dict[str, Any]:
    """Nobody comes without TLS, whatever else allows it."""
    partition = next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")
    everything = f"arn:{partition}:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DenyPlaintext",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [everything, f"{everything}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


@cache
def shared(name: str, region: str, endpoint: str) -> S3Bucket:
    """The process's own: threads share its client."""
    return S3Bucket(name, region, endpoint)
