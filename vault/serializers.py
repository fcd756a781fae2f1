"""Bodies of /v1 as they are described and as they are made."""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from hq.web.api import Input
from vault.models import ObjectVersion
from vault.selectors import Entry, Folder


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
