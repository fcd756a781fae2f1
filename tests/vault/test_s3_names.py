"""Names that S3 takes and no XML document can carry: those of others' programs, in landing areas."""

from collections.abc import Iterator
from urllib.parse import parse_qs, quote, quote_plus, urlsplit

import pytest

from tests.aws import s3_proxy, servers
from tests.aws.fixtures import Aws, ministack, s3, s3_user
from tests.aws.s3_proxy import Call, S3Proxy
from tests.vault.contract import BUCKET
from vault.store import s3_bucket
from vault.store.s3_line import Line, Pace

__all__ = ["ministack", "s3", "s3_user"]
ODD = "landing/\x02 a+%41ü"


@pytest.fixture
def proxy(ministack: Aws, s3_user: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    servers.use(monkeypatch, s3_user)
    with s3_proxy.proxy_to(ministack.address) as server:
        yield server


@pytest.fixture
def line(proxy: S3Proxy) -> Line:
    return Line(servers.REGION, proxy.address, pace=Pace(tries=1))


def _uploads(call: Call) -> None:
    """Two pages of one upload each, as S3 lists them: escaped if it is asked to, else as they are."""
    asked = parse_qs(urlsplit(call.path).query)
    escaped = asked.get("encoding-type") == ["url"]
    second = asked.get("key-marker") == [ODD]
    name = quote_plus(ODD) if escaped else ODD
    body = (
        f"<ListMultipartUploadsResult>{'<EncodingType>url</EncodingType>' if escaped else ''}"
        f"<IsTruncated>{str(not second).lower()}</IsTruncated>"
        f"<NextKeyMarker>{name}</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>"
        f"<Upload><Key>{name}</Key><UploadId>{'u2' if second else 'u1'}</UploadId></Upload>"
        "</ListMultipartUploadsResult>"
    )
    call.send(200, [("Content-Type", "application/xml")], body.encode())


def test_uploads_of_any_name_are_listed_from_page_to_page(proxy: S3Proxy, line: Line) -> None:
    proxy.fail("list_multipart_uploads", _uploads)
    found = s3_bucket.uploads(line, BUCKET)
    assert [next(found), next(found)] == [(ODD, "u1"), (ODD, "u2")]
    assert list(found) == []


def test_a_name_that_no_document_carries_is_removed_by_itself(proxy: S3Proxy, line: Line) -> None:
    gone: list[str] = []

    def removing(call: Call) -> None:
        gone.append(call.path)
        call.send(204, [], b"")

    proxy.fail("delete_bucket", removing)  # what a DELETE without a query is called there
    s3_bucket.remove(line, BUCKET, [{"Key": ODD, "VersionId": "v"}])
    assert gone == [f"/{BUCKET}/{quote(ODD)}?versionId=v"]
    assert proxy.asked == ["delete_bucket"]
