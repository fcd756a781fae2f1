"""Only what was signed as it came is done, once its bytes are those that were announced (VLT-4)."""

import hashlib
import zlib
from base64 import b64encode
from datetime import timedelta
from time import thread_time
from unittest.mock import patch

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.test import Client, RequestFactory

from hq.db.context import tenant
from hq.lib.clock import now
from tests.vault.s3_client import issue
from vault import actions
from vault.models import StoredObject
from vault.s3_api.bodies import _Reader

HOST = "localhost"
CHUNKED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@pytest.fixture
def place(committed_place):
    actions.put_object(actor=committed_place.actor(), path="a/b", chunks=[b"content"])
    return committed_place


@pytest.fixture
def issued(place):
    return issue(place.actor(), "a/")


class Sender:
    """Sends what botocore signed, or something else under the same signature."""

    def __init__(self, issued, client):
        self.issued, self.client = issued, client

    def signed(self, method="GET", key="a/b", body=b"", query="", **headers):
        """The headers of a request that is signed now."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        credentials = Credentials(self.issued.row.access_key, self.issued.secret, self.issued.session_token)
        url = f"http://{HOST}/s3/{self.issued.bucket}/{key}{query}"
        request = AWSRequest(method, url, headers={"host": HOST} | named, data=body)
        signer = S3SigV4Auth(credentials, "s3", "local")
        if "x-amz-content-sha256" in named:
            signer.payload = lambda _: named["x-amz-content-sha256"]
        signer.add_auth(request)
        return {name.lower(): value for name, value in request.headers.items()}

    def __call__(self, headers, method="GET", key="a/b", body=b"", query=""):
        """Status, and the code of a refusal."""
        kind = headers.get("content-type", "")
        path = f"/s3/{self.issued.bucket}/{key}{query}"
        answer = self.client.generic(method, path, body, kind, headers=headers)
        said = answer.getvalue().decode(errors="replace")
        return answer.status_code, said.partition("<Code>")[2].partition("</Code>")[0]


@pytest.fixture
def send(issued):
    return Sender(issued, Client())


def test_a_request_is_done_as_it_was_signed(send):
    assert send(send.signed()) == (200, "")


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "DELETE"},
        {"key": "a/c"},
        {"query": "?versionId=1"},
        {"method": "PUT", "body": b"other"},
    ],
)
def test_nothing_of_it_can_be_changed(send, changed):
    assert send(send.signed(), **changed) == (403, "SignatureDoesNotMatch")


def test_no_header_that_counts_can_be_added_changed_or_left_out(send):
    headers = send.signed("PUT", body=b"x")
    assert send(headers | {"x-amz-copy-source": "/b/k"}, "PUT", body=b"x") == (403, "AccessDenied")
    empty = hashlib.sha256(b"").hexdigest()
    assert send(headers | {"x-amz-content-sha256": empty}, "PUT", body=b"x") == (403, "SignatureDoesNotMatch")
    assert send(headers | {"host": "elsewhere.localhost"}, "PUT", body=b"x")[0] in {400, 403}
    without = {name: value for name, value in headers.items() if name != "x-amz-security-token"}
    assert send(without, "PUT", body=b"x") == (403, "AccessDenied")
    few = headers["authorization"].replace("host;", "")
    assert send(headers | {"authorization": few}, "PUT", body=b"x") == (403, "AccessDenied")


def test_a_request_says_by_its_headers_what_is_signed_of_its_body(send):
    with patch.object(S3SigV4Auth, "_modify_request_before_signing", SigV4Auth._modify_request_before_signing):
        headers = send.signed("PUT")
    assert "x-amz-content-sha256" not in headers
    assert send(headers, "PUT", body=b"put there by somebody else") == (400, "InvalidRequest")


def test_a_forged_signature_an_unknown_key_and_another_token_are_told_apart_and_give_nothing(send, place):
    headers = send.signed()
    forged = headers["authorization"][:-4] + ("0000" if headers["authorization"][-4:] != "0000" else "1111")
    assert send(headers | {"authorization": forged}) == (403, "SignatureDoesNotMatch")
    unknown = headers["authorization"].replace(send.issued.row.access_key, "HQ" + "x" * 22)
    assert send(headers | {"authorization": unknown}) == (403, "InvalidAccessKeyId")
    other = issue(place.actor(), "a/")
    mixed = Sender(type(other)(send.issued.row, send.issued.secret, other.session_token, send.issued.bucket), Client())
    assert mixed(mixed.signed()) == (400, "InvalidToken")
    assert send({}) == (403, "AccessDenied")
    for broken in (
        "AWS4-HMAC-SHA256 x",
        "Bearer hd_live_x",
        "AWS4-HMAC-SHA256 Credential=a/b, Signature=",
    ):
        assert send(headers | {"authorization": broken}) == (400, "AuthorizationHeaderMalformed")
    for name, value in (("region", "/iam/"), ("day", "/19990101/")):
        changed = headers["authorization"].replace("/s3/" if name == "region" else f"/{now():%Y%m%d}/", value)
        assert send(headers | {"authorization": changed}) == (400, "AuthorizationHeaderMalformed")


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_request_of_another_time_is_refused(send, minutes):
    with patch("botocore.auth.get_current_datetime", lambda: (now() + timedelta(minutes=minutes)).replace(tzinfo=None)):
        headers = send.signed()
    assert send(headers) == (403, "RequestTimeTooSkewed")


def test_an_address_ends_when_it_says_and_is_signed_in_one_way_only(send):
    headers = send.signed()
    query = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=" + "0" * 64
    assert send(headers, query=query) == (400, "InvalidRequest")
    assert send({}, query=query) == (400, "AuthorizationHeaderMalformed")
    assert send({}, query=f"{query}&X-Amz-Expires=604801") == (400, "AuthorizationHeaderMalformed")


# ---- what comes


def crc32(content):
    return b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-checksum-crc32": crc32(b"right")}, ""),
        ({"x-amz-checksum-crc32": crc32(b"wrong")}, "BadDigest"),
        ({"x-amz-checksum-sha256": b64encode(hashlib.sha256(b"wrong").digest()).decode()}, "BadDigest"),
        ({"content-md5": b64encode(b"x" * 16).decode()}, "BadDigest"),
        ({"x-amz-checksum-crc32": "no base64!"}, "InvalidRequest"),
        ({"x-amz-checksum-crc64nvme": crc32(b"right")}, "NotImplemented"),
        ({"x-amz-content-sha256": hashlib.sha256(b"wrong").hexdigest()}, "XAmzContentSHA256Mismatch"),
        ({"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, ""),
        ({"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, "NotImplemented"),
    ],
)
def test_what_comes_is_what_was_announced_or_nothing_of_it_is_kept(send, place, headers, code):
    status, said = send(send.signed("PUT", "a/new", b"right", **headers), "PUT", "a/new", b"right")
    assert said == code
    assert (status == 200) is (code == "")
    with tenant(place.id):
        assert StoredObject.objects.filter(path="a/new").exists() is (code == "")


def in_chunks(*parts, end="0\r\n", trailer=""):
    sized = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return sized + end.encode() + trailer.encode() + b"\r\n"


def chunked(send, body, length, **more):
    headers = {
        "x-amz-content-sha256": CHUNKED,
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(length),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    signed = send.signed("PUT", "a/new", body, **(headers | more))
    return send(signed, "PUT", "a/new", body)


def test_chunks_with_a_checksum_behind_them_are_taken(send, place):
    parts = [b"a" * 65_536, b"b" * 70_000, b"c"]
    right = f"x-amz-checksum-crc32:{crc32(b''.join(parts))}\r\n"
    assert chunked(send, in_chunks(*parts, trailer=right), 135_537) == (200, "")
    opened = actions.open_object(actor=place.actor(), path="a/new")
    assert b"".join(opened.read()) == b"".join(parts)
    assert opened.version.content_type == "application/octet-stream"


def test_very_many_small_chunks_cost_what_their_bytes_do(send):
    """They were once a quarter of a megabyte's copying each: minutes for what is sent in a second."""
    content = b"x" * 40_000
    body = in_chunks(*(content[:1] for _ in content), trailer=f"x-amz-checksum-crc32:{crc32(content)}\r\n")
    request = RequestFactory().generic("PUT", "/", body)
    reader, began = _Reader(request, len(content), lambda: True), thread_time()
    assert b"".join(reader.chunks()) == content
    assert thread_time() - began < 0.5
    assert reader.trailers() == {"x-amz-checksum-crc32": crc32(content)}


WRONG = f"x-amz-checksum-crc32:{crc32(b'wrong')}\r\n"
RIGHT = f"x-amz-checksum-crc32:{crc32(b'right')}\r\n"


@pytest.mark.parametrize(
    ("body", "length", "more", "code"),
    [
        (in_chunks(b"right", trailer=WRONG), 5, {}, "BadDigest"),
        (in_chunks(b"right"), 5, {}, "IncompleteBody"),
        (in_chunks(b"right", end="", trailer=""), 5, {}, "IncompleteBody"),
        (in_chunks(b"right", trailer=RIGHT), 6, {}, "IncompleteBody"),
        (in_chunks(b"right", trailer=RIGHT), 4, {}, "IncompleteBody"),
        (in_chunks(b"right", trailer=RIGHT)[:7], 5, {}, "IncompleteBody"),
        (in_chunks(b"right", trailer=RIGHT).replace(b"5\r\n", b"-5\r\n"), 5, {}, "IncompleteBody"),
        (in_chunks(b"right", trailer=RIGHT).replace(b"5\r\n", b"4\r\n"), 5, {}, "IncompleteBody"),
        (in_chunks(b"right", trailer=RIGHT) + b"more", 5, {}, "IncompleteBody"),
        (in_chunks(b"right", trailer=RIGHT) + b"more\r\n\r\n", 5, {}, "IncompleteBody"),
        (in_chunks(b"right", trailer=RIGHT) + in_chunks(b"right", trailer=RIGHT), 5, {}, "IncompleteBody"),
        (b"5" * 9000, 5, {}, "IncompleteBody"),
        (in_chunks(b"right", trailer=RIGHT), 5, {"content-encoding": "gzip,aws-chunked"}, "InvalidRequest"),
        (in_chunks(b"right", trailer=RIGHT), 5, {"x-amz-decoded-content-length": ""}, "MissingContentLength"),
        (in_chunks(b"right", trailer=RIGHT), 5, {"x-amz-trailer": ""}, "InvalidRequest"),
        (in_chunks(b"right", trailer=RIGHT), 5, {"x-amz-trailer": "x-amz-checksum-crc32c"}, "NotImplemented"),
        (in_chunks(b"right", trailer=RIGHT), 5, {"x-amz-trailer": "x-amz-checksum-crc64nvme"}, "NotImplemented"),
    ],
)
def test_chunks_that_are_cut_or_changed_are_kept_nowhere(send, body, length, more, code):
    assert chunked(send, body, length, **more)[1] == code
    with tenant(send.issued.row.organization_id):
        assert not StoredObject.objects.filter(path="a/new").exists()
