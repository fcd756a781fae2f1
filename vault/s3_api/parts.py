"""Uploads in parts, in S3's documents."""

from collections.abc import Sequence
from hashlib import sha256
from xml.etree import ElementTree as ET

from lxml import etree

from vault.models import DoorPart, ObjectVersion
from vault.s3_api.bodies import Incoming
from vault.s3_api.errors import S3Error
from vault.s3_api.listing import NAMESPACE, add, as_xml
from vault.s3_api.requests import Asked

MOST_DOCUMENT = 4 * 1024 * 1024  # 10,000 parts with a checksum each
_MOST_DIGITS = 5


def number_of(raw: str) -> int:
    """A part's number, or a number of parts. Raises S3Error."""
    if not (raw.isascii() and raw.isdigit() and len(raw) <= _MOST_DIGITS):
        raise S3Error("InvalidArgument")
    return int(raw)


def begun(asked: Asked, upload_id: str) -> bytes:
    """The answer to CreateMultipartUpload."""
    root = ET.Element("InitiateMultipartUploadResult", xmlns=NAMESPACE)
    add(root, {"Bucket": asked.bucket, "Key": asked.key, "UploadId": upload_id})
    return as_xml(root)


def completed(asked: Asked, location: str, version: ObjectVersion) -> bytes:
    """The answer to CompleteMultipartUpload."""
    root = ET.Element("CompleteMultipartUploadResult", xmlns=NAMESPACE)
    add(root, {"Location": location, "Bucket": asked.bucket, "Key": asked.key, "ETag": version.etag})
    return as_xml(root)


def listed(asked: Asked, parts: Sequence[DoorPart], most: int) -> bytes:
    """The answer to ListParts; one part more than `most` says that there are more."""
    shown = parts[:most]
    root = ET.Element("ListPartsResult", xmlns=NAMESPACE)
    said = {
        "Bucket": asked.bucket,
        "Key": asked.key,
        "UploadId": asked.query["uploadId"],
        "PartNumberMarker": asked.query.get("part-number-marker", "0"),
        "MaxParts": str(most),
        "IsTruncated": str(len(parts) > most).lower(),
        "StorageClass": "STANDARD",
    }
    if len(parts) > most and shown:
        said["NextPartNumberMarker"] = str(shown[-1].number)
    add(root, said)
    for part in shown:
        row = {
            "PartNumber": str(part.number),
            "LastModified": f"{part.created_at:%Y-%m-%dT%H:%M:%S}.000Z",
            "ETag": part.etag,
            "Size": str(part.size),
        }
        add(ET.SubElement(root, "Part"), row)
    return as_xml(root)


def wanted(body: Incoming) -> list[tuple[int, str]]:
    """Number and tag of each part that the whole shall be made of, as their sender names them. Raises S3Error."""
    if body.length > MOST_DOCUMENT:
        raise S3Error("MalformedXML")
    document = b"".join(body.chunks)
    if body.sha256 not in {None, sha256(document).hexdigest()}:
        raise S3Error("XAmzContentSHA256Mismatch")
    root = _tree(document)
    if _plain(root) != "CompleteMultipartUpload" or any(_plain(part) != "Part" for part in root):
        raise S3Error("MalformedXML")
    return [_part(part) for part in root]


def _tree(document: bytes) -> etree._Element:
    """Parsed with nothing resolved, loaded or looked up. Raises S3Error, also for whatever has a document type."""
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise S3Error("MalformedXML") from None
    if root.getroottree().docinfo.doctype:
        raise S3Error("MalformedXML")
    return root


def _part(element: etree._Element) -> tuple[int, str]:
    said = {_plain(each): each.text or "" for each in element}
    if not {"PartNumber", "ETag"} <= said.keys():
        raise S3Error("MalformedXML")
    return number_of(said["PartNumber"]), said["ETag"]


def _plain(element: etree._Element) -> str:
    """Its name, whichever namespace; "" for what is no element, such as a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
