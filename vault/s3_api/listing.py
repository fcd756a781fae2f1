"""ListObjectsV2: what lies below a prefix, in pages."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree as ET

from hq.authz.actor import Actor
from hq.lib.paths import clean_prefix
from vault import selectors
from vault.models import ObjectVersion
from vault.s3_api.errors import S3Error
from vault.s3_api.requests import Asked
from vault.selectors import Entry, Folder

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
PAGE_MOST = 1000


class _Wanted(NamedTuple):
    prefix: str
    delimiter: str
    most: int
    after: str
    encoded: bool


def list_page(actor: Actor, asked: Asked) -> bytes:
    """The page as XML. In the tenant's context. Raises S3Error, Denied, InvalidPath."""
    wanted = _wanted(asked.query)
    rows: Sequence[Entry] = []
    if wanted.most:
        rows = selectors.list_objects(
            actor, prefix=wanted.prefix, folders=bool(wanted.delimiter), after=wanted.after, limit=wanted.most
        )
    return _document(asked, wanted, rows[: wanted.most], more=len(rows) > wanted.most)


def _wanted(query: dict[str, str]) -> _Wanted:
    if query.get("list-type") != "2":
        raise S3Error("NotImplemented")
    delimiter, encoding, raw = (query.get(name, "") for name in ("delimiter", "encoding-type", "max-keys"))
    if delimiter not in {"", "/"} or query.get("fetch-owner", "false") != "false":
        raise S3Error("NotImplemented", "HQ groups by a slash, and names no owners.")
    if encoding not in {"", "url"} or not (raw == "" or (raw.isascii() and raw.isdigit() and len(raw) <= 9)):
        raise S3Error("InvalidArgument")
    prefix = clean_prefix(query.get("prefix", ""))
    after = _after(query, prefix, delimiter)
    return _Wanted(prefix, delimiter, min(int(raw or PAGE_MOST), PAGE_MOST), after, encoding == "url")


def _after(query: dict[str, str], prefix: str, delimiter: str) -> str:
    """Where `list_objects` goes on."""
    if token := query.get("continuation-token", ""):
        try:
            return urlsafe_b64decode(token.encode()).decode()
        except (Base64Error, UnicodeError, ValueError):
            raise S3Error("InvalidArgument", "The continuation token is not one of ours.") from None
    start = clean_prefix(query.get("start-after", ""))
    if not start or start < prefix:
        return ""
    if delimiter or not start.startswith(prefix):
        raise S3Error("NotImplemented", "HQ starts after a key below the prefix, and without a delimiter.")
    return f"o{start}"


def _document(asked: Asked, wanted: _Wanted, rows: Sequence[Entry], *, more: bool) -> bytes:
    def spelled(text: str) -> str:
        return quote(text, safe="/") if wanted.encoded else text

    root = ET.Element("ListBucketResult", xmlns=NAMESPACE)
    said = {
        "Name": asked.bucket,
        "Prefix": spelled(wanted.prefix),
        "MaxKeys": str(wanted.most),
        "KeyCount": str(len(rows)),
        "IsTruncated": str(more).lower(),
    }
    said |= {"Delimiter": wanted.delimiter} if wanted.delimiter else {}
    said |= {"EncodingType": "url"} if wanted.encoded else {}
    said |= {"ContinuationToken": asked.query["continuation-token"]} if asked.query.get("continuation-token") else {}
    said |= {"StartAfter": spelled(asked.query["start-after"])} if asked.query.get("start-after") else {}
    if more:
        said["NextContinuationToken"] = urlsafe_b64encode(selectors.position(rows[-1]).encode()).decode()
    add(root, said)
    for row in rows:
        if isinstance(row, Folder):
            add(ET.SubElement(root, "CommonPrefixes"), {"Prefix": spelled(row.path)})
        else:
            add(ET.SubElement(root, "Contents"), {"Key": spelled(row.path)} | _described(row))
    return as_xml(root)


def _described(version: ObjectVersion) -> dict[str, str]:
    return {
        "LastModified": f"{version.created_at:%Y-%m-%dT%H:%M:%S}.{version.created_at.microsecond // 1000:03d}Z",
        "ETag": version.etag,
        "Size": str(version.size),
        "StorageClass": "STANDARD",
    }


def add(parent: ET.Element, said: dict[str, str]) -> None:
    """Elements with text, in order."""
    for name, text in said.items():
        ET.SubElement(parent, name).text = text


def as_xml(root: ET.Element) -> bytes:
    """A document. Only written here: nothing of ours reads XML with this module."""
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written
