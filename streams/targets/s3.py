"""A batch as one object in the customer's own bucket, with an access key of theirs.

botocore signs the request and nothing else: it is sent as every other request to an address that a tenant typed, so
that an endpoint cannot lead into our own networks, and no credentials of the deployment's own are ever looked for.
"""

import gzip
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, ClassVar, Final

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from hq.lib.errors import FieldError
from hq.lib.outbound import NotFetched, OutboundSession, checked
from hq.web.outbound import rules
from streams.targets import lines
from streams.targets.base import SECONDS, Outcome, Parcel, Settings, faulty, text_of
from streams.targets.https import READ_BYTES, judged

TRUSTED: str | None = None  # besides the public authorities; tests have one of their own
TEST_OBJECT = "hq-stream-test.jsonl.gz"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION: Final = re.compile(r"[a-z0-9-]{1,40}")
# Names end at a slash alone, so there is one way to read a prefix: two would take for ever to rule out.
_PREFIX: Final = re.compile(r"([A-Za-z0-9_=-][A-Za-z0-9._=-]*(/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*)?")
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_]{3,128}")
# What S3 says of a request that another time may well be taken (its table of error codes).
_PASSING = (b"<Code>RequestTimeTooSkewed</Code>", b"<Code>SlowDown</Code>", b"<Code>OperationAborted</Code>")


class S3:
    """`target`: bucket, region, prefix, endpoint (empty: AWS), access_key_id. `secret`: secret_access_key."""

    texts: ClassVar[Mapping[str, int]] = dict.fromkeys(("bucket", "region", "prefix", "endpoint", "access_key_id"), 500)
    secrets: ClassVar[Mapping[str, int]] = {"secret_access_key": 200}

    def clean(self, target: Settings, secret: Settings) -> tuple[dict[str, Any], dict[str, Any], list[FieldError]]:
        kept = {name: text_of(target, name) for name in self.texts}
        kept["prefix"] = kept["prefix"].strip("/")
        kept["endpoint"] = kept["endpoint"].rstrip("/")
        value = text_of(secret, "secret_access_key")
        faults: list[FieldError] = [
            {"pointer": f"/target/{name}", "detail": told}
            for name, rule, told in (
                ("bucket", _BUCKET, "Enter the name of a bucket."),
                ("region", _REGION, "Enter a region such as eu-central-1."),
                ("prefix", _PREFIX, "A prefix has letters, digits, and . _ = - with / between them."),
                ("access_key_id", _KEY_ID, "Enter the id of an access key."),
            )
            if not rule.fullmatch(kept[name])
        ]
        if kept["endpoint"] and (fault := _fault_of(kept["endpoint"])):
            faults.append({"pointer": "/target/endpoint", "detail": fault})
        if not value or not value.isascii() or not value.isprintable():
            faults.append({"pointer": "/secret/secret_access_key", "detail": "Enter the secret access key."})
        return kept, {"secret_access_key": value}, faults

    def place(self, target: Settings) -> str:
        return f"{target['bucket']}/{target['prefix']}".rstrip("/")

    def shown_to(self, target: Settings) -> str:
        return ""  # it signs, and stays here

    def send(self, parcel: Parcel, target: Settings, secret: Settings) -> Outcome:
        body = packed(parcel)
        request = AWSRequest(
            method="PUT",
            url=_address(target, name_of(parcel, target["prefix"])),
            data=body,
            headers={
                "content-type": "application/gzip",
                "x-amz-checksum-sha256": b64encode(sha256(body).digest()).decode(),
            },
        )
        credentials = Credentials(target["access_key_id"], secret["secret_access_key"])
        S3SigV4Auth(credentials, "s3", target["region"]).add_auth(request)
        ours = replace(rules(), seconds=SECONDS, most_bytes=READ_BYTES, as_it_is=True)
        try:
            with OutboundSession(ours, trusted=TRUSTED) as session:
                response = session.put(request.url, data=body, headers=dict(request.headers), allow_redirects=False)
        except NotFetched as fault:
            return faulty(fault)
        outcome = replace(judged(response), size=len(body))
        if outcome.final and any(code in response.content for code in _PASSING):
            return replace(outcome, final=False)
        return outcome


def packed(parcel: Parcel) -> bytes:
    """JSON Lines, gzip; the same bytes each time, so that a batch which is sent again is the same object."""
    written = [lines.line(parcel.log, entry) for entry in parcel.entries]
    written = written or [lines.test_line(parcel.batch_id, parcel.environment_id)]
    return gzip.compress("".join(f"{each}\n" for each in written).encode(), mtime=0)


def name_of(parcel: Parcel, prefix: str) -> str:
    """By the day of its first entry, in UTC. Indexes have 12 digits, so that names sort as entries do."""
    if parcel.is_test:
        name = TEST_OBJECT
    else:
        first, last = parcel.entries[0], parcel.entries[-1]
        name = f"{first.at:%Y/%m/%d}/{parcel.log}-{first.index:012d}-{last.index:012d}.jsonl.gz"
    return f"{prefix}/{name}" if prefix else name


def _address(target: Settings, key: str) -> str:
    bucket = target["bucket"]
    if target["endpoint"]:
        return f"{target['endpoint']}/{bucket}/{key}"
    if "." in bucket:  # no certificate of AWS's covers such a name
        return f"https://s3.{target['region']}.amazonaws.com/{bucket}/{key}"
    return f"https://{bucket}.s3.{target['region']}.amazonaws.com/{key}"


def _fault_of(endpoint: str) -> str:
    if not endpoint.isprintable():
        return "An address has no characters that cannot be seen."
    try:
        parts = checked(endpoint, rules())
    except NotFetched as fault:
        return str(fault)
    return "" if parts.path == "" and not parts.query else "Leave the path out of the endpoint."
