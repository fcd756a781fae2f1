"""Bodies of /v1 as they are described and as they are made."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from hq.lib.errors import Problem
from hq.web.api import Input
from hq.web.transfer import OCTETS, media_type
from vault.actions import Arrived, SignedPart
from vault.actions.uploads import MOST_ADDRESSES
from vault.models import ObjectVersion, Upload
from vault.selectors import Entry, Folder


def _is_media_type(value: str) -> None:
    """Raises ValidationError."""
    try:
        media_type(value)
    except Problem as problem:
        raise serializers.ValidationError(str(problem)) from None


class By(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="person, api_key or link")
    id = serializers.UUIDField()
    name = serializers.CharField()


class VersionBody(serializers.Serializer[Any]):
    path = serializers.CharField()
    version = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField(help_text="Of the content, hex; in double quotes it is the entity tag.")
    content_type = serializers.CharField()
    created_at = serializers.DateTimeField()
    created_by = By()
    restored_from = serializers.IntegerField(allow_null=True)


class ObjectEntry(VersionBody):
    kind = serializers.ChoiceField(["object"])


class FolderEntry(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["folder"])
    path = serializers.CharField(help_text="It ends with a slash.")
    objects = serializers.IntegerField(help_text="How many objects are below it, or 1000.")
    more = serializers.BooleanField(help_text="There are more than were counted.")


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="EntryBody",
        serializers={"object": ObjectEntry, "folder": FolderEntry},
        resource_type_field_name="kind",
    )
)
class EntryField(serializers.DictField):
    """An object, or a folder where they were asked for by a delimiter."""


class EntryList(serializers.Serializer[Any]):
    items = serializers.ListField(child=EntryField())
    next_cursor = serializers.CharField(allow_null=True)


class VersionList(serializers.Serializer[Any]):
    items = VersionBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DeletedBody(VersionBody):
    deleted_at = serializers.DateTimeField()
    deleted_by = serializers.CharField()


class DeletedList(serializers.Serializer[Any]):
    items = DeletedBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class RestoreInput(Input):
    path = serializers.CharField(max_length=4096, trim_whitespace=False)
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="Left out: the version that was shown when deleted."
    )


class UploadInput(Input):
    path = serializers.CharField(max_length=4096, trim_whitespace=False)
    size = serializers.IntegerField(min_value=0, max_value=2**63 - 1, help_text="Bytes of the whole file.")
    content_type = serializers.CharField(default=OCTETS, max_length=255, validators=[_is_media_type])
    sha256 = serializers.RegexField(
        r"^[0-9a-fA-F]{64}\Z",
        required=False,
        help_text="Of the whole file, hex. If it does not fit, nothing is stored.",
    )

    def validate_sha256(self, value: str) -> str:
        return value.lower()


class PartsInput(Input):
    parts = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=10_000), min_length=1, max_length=MOST_ADDRESSES
    )


class ReceiptBody(serializers.Serializer[Any]):
    path = serializers.CharField()
    version = serializers.IntegerField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="Of what is stored, as HQ computed it, hex.")
    content_type = serializers.CharField()
    stored_at = serializers.DateTimeField()
    event_id = serializers.UUIDField(help_text="The event in the trail that says so.")
    event_position = serializers.IntegerField(help_text="Its place in the environment's chain, from 1.")


class RefusalBody(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()


class UploadBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    path = serializers.CharField()
    state = serializers.ChoiceField(["open", "assembling", "done", "given_up"])
    size = serializers.IntegerField()
    part_size = serializers.IntegerField(help_text="Bytes of each part; the last one has the rest.")
    parts = serializers.IntegerField(help_text="How many. They count from 1. An empty file has none.")
    received = serializers.ListField(
        child=serializers.IntegerField(), allow_null=True, help_text="Parts that are there; null in lists."
    )
    assembled = serializers.IntegerField(allow_null=True, help_text="Bytes put together so far, while a job does it.")
    content_type = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="What is not complete by then is given up.")
    receipt = ReceiptBody(allow_null=True)
    refusal = RefusalBody(allow_null=True, help_text="Why nothing became of it.")


class UploadList(serializers.Serializer[Any]):
    items = UploadBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class AddressBody(serializers.Serializer[Any]):
    part = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Exactly as many bytes are taken.")
    url = serializers.CharField()
    method = serializers.CharField()
    headers = serializers.DictField(child=serializers.CharField())
    expires_at = serializers.DateTimeField()


class AddressList(serializers.Serializer[Any]):
    items = AddressBody(many=True)


def version_body(version: ObjectVersion) -> dict[str, Any]:
    """One version as integrators see it."""
    return {
        "path": version.path,
        "version": version.number,
        "size": version.size,
        "sha256": version.sha256,
        "content_type": version.content_type,
        "created_at": version.created_at,
        "created_by": {
            "kind": version.created_by_kind,
            "id": version.created_by_id,
            "name": version.created_by,
        },
        "restored_from": version.restored_from,
    }


def entry_body(entry: Entry) -> dict[str, Any]:
    """One line of a list."""
    if isinstance(entry, Folder):
        return {"kind": "folder", "path": entry.path, "objects": entry.objects, "more": entry.more}
    return {"kind": "object"} | version_body(entry)


def deleted_body(version: ObjectVersion) -> dict[str, Any]:
    """One deleted object."""
    stored = version.object
    return version_body(version) | {"deleted_at": stored.deleted_at, "deleted_by": stored.deleted_by}


def upload_body(upload: Upload, received: Sequence[int] | None = None, assembled: int | None = None) -> dict[str, Any]:
    """One upload as its maker sees it."""
    return {
        "id": upload.id,
        "path": upload.path,
        "state": upload.state.lower(),
        "size": upload.size,
        "part_size": upload.part_size,
        "parts": -(-upload.size // upload.part_size),
        "received": received,
        "assembled": assembled,
        "content_type": upload.content_type,
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
        "receipt": _receipt_body(upload),
        "refusal": {"code": upload.refusal, "detail": upload.refusal_detail} if upload.refusal else None,
    }


def arrived_body(found: Arrived) -> dict[str, Any]:
    """The same, with how far it is."""
    assembling = found.upload.state == Upload.State.ASSEMBLING
    return upload_body(found.upload, found.parts, found.assembled if assembling else None)


def _receipt_body(upload: Upload) -> dict[str, Any] | None:
    """What was stored. None before, and once the version itself is gone."""
    version = upload.version
    if version is None:
        return None
    return {
        "path": version.path,
        "version": version.number,
        "size": version.size,
        "sha256": version.sha256,
        "content_type": version.content_type,
        "stored_at": version.created_at,
        "event_id": upload.event_id,
        "event_position": upload.event_index,
    }


def address_body(signed: SignedPart) -> dict[str, Any]:
    """Where one part is to be sent."""
    return {
        "part": signed.part,
        "size": signed.size,
        "url": signed.address.url,
        "method": signed.address.method,
        "headers": dict(signed.address.headers),
        "expires_at": signed.expires_at,
    }
