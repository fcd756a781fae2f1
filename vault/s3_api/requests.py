"""Which act of S3 a request asks for. What is not named here is refused: nothing is left out quietly."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from django.http import HttpRequest

from vault.s3_api.errors import S3Error

# Said by every client, or about the signature, and asking for nothing.
_SILENT = frozenset({"x-id"})
_HEADERS = frozenset(
    {
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-decoded-content-length",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-security-token",
        "x-amz-trailer",
        "x-amz-user-agent",
    }
)
_LISTING = frozenset(
    {
        "continuation-token",
        "delimiter",
        "encoding-type",
        "fetch-owner",
        "list-type",
        "max-keys",
        "prefix",
        "start-after",
    }
)
# Method, on a bucket or an object, the members of the query that name the act: the act, and what may stand beside them.
_ACTS: dict[tuple[str, bool, frozenset[str]], tuple[str, frozenset[str]]] = {
    ("GET", False, frozenset({"list-type"})): ("list_objects", _LISTING),
    ("GET", False, frozenset({"location"})): ("get_location", frozenset()),
    ("HEAD", False, frozenset()): ("head_bucket", frozenset()),
    ("GET", True, frozenset()): ("get_object", frozenset()),
    ("HEAD", True, frozenset()): ("get_object", frozenset()),
    ("PUT", True, frozenset()): ("put_object", frozenset()),
    ("DELETE", True, frozenset()): ("delete_object", frozenset()),
    ("POST", True, frozenset({"uploads"})): ("begin_parts", frozenset()),
    ("PUT", True, frozenset({"partNumber", "uploadId"})): ("put_part", frozenset()),
    ("GET", True, frozenset({"uploadId"})): ("list_parts", frozenset({"max-parts", "part-number-marker"})),
    ("POST", True, frozenset({"uploadId"})): ("complete_parts", frozenset()),
    ("DELETE", True, frozenset({"uploadId"})): ("abort_parts", frozenset()),
}
_NAMING = frozenset(name for _, _, names in _ACTS for name in names)
_HEADERS_OF = {
    "get_object": frozenset({"x-amz-checksum-mode"}),
    "begin_parts": frozenset({"x-amz-checksum-algorithm"}),
    "complete_parts": frozenset({"x-amz-mp-object-size"}),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """An act, what it is done to, and the members of its query. `key` is "" for a bucket."""

    act: str
    bucket: str
    key: str
    query: dict[str, str]


def asked_of(request: HttpRequest, bucket: str, key: str) -> Asked:
    """What a request asks for. Raises S3Error."""
    query = {name: value for name, value in _query(request).items() if not name.startswith("X-Amz-")}
    method, names = request.method or "", frozenset(query) - _SILENT
    if method not in {"GET", "HEAD", "PUT", "POST", "DELETE"}:
        raise S3Error("MethodNotAllowed")
    found = _ACTS.get((method, bool(key), names & _NAMING))
    if found is None or not names <= found[1] | _NAMING:
        raise S3Error("NotImplemented")
    act = found[0]
    for name in request.headers:
        _require_known(name.lower(), act)
    return Asked(act, bucket, key, {name: query[name] for name in names})


def _query(request: HttpRequest) -> dict[str, str]:
    """Raises S3Error, also for a member that is there twice: which one is meant nobody knows."""
    try:
        pairs = parse_qsl(
            request.META.get("QUERY_STRING", ""), keep_blank_values=True, errors="strict", max_num_fields=40
        )
    except ValueError:
        raise S3Error("InvalidArgument") from None
    query = dict(pairs)
    if len(query) != len(pairs):
        raise S3Error("InvalidArgument")
    return query


def _require_known(header: str, act: str) -> None:
    if not header.startswith("x-amz-") or header in _HEADERS or header in _HEADERS_OF.get(act, ()):
        return
    if act in {"put_object", "put_part"} and header.startswith("x-amz-checksum-"):
        return
    raise S3Error("NotImplemented", f"HQ does not do what {header} asks for.")
