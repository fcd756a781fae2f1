"""Bodies of /v1 for organizations and environments."""

from typing import Any

from rest_framework import serializers

from tenants.serializers.people import Named


class PlaceBody(Named):
    slug = serializers.CharField()
    region = serializers.CharField()
    created_at = serializers.DateTimeField()


class EnvironmentBody(Named):
    organization_id = serializers.UUIDField()


class EnvironmentList(serializers.Serializer[Any]):
    items = EnvironmentBody(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Always null: there are two.")
