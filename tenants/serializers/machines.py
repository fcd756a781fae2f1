"""Bodies of /v1 for machines."""

from typing import Any

from rest_framework import serializers

from hq.authz.permissions import SCOPES
from hq.lib.text import NO_CONTROL
from hq.web.api import Input
from tenants.serializers.people import Named


class ApiKeyInput(Input):
    name = serializers.RegexField(NO_CONTROL, max_length=80)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=sorted(scope.value for scope in SCOPES)),
        min_length=1,
        max_length=len(SCOPES),
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    service_account_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="For whom the key is, where it is not for the person who makes it."
    )


class ApiKeyBody(Named):
    hint = serializers.CharField(help_text="The last four characters.")
    scopes = serializers.ListField(child=serializers.CharField())
    service_account_id = serializers.UUIDField(allow_null=True)
    state = serializers.CharField(help_text="active, expired or revoked.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_used_ip = serializers.IPAddressField(allow_null=True)


class MadeApiKeyBody(ApiKeyBody):
    api_key = serializers.CharField(help_text="Shown once.")


class ApiKeyList(serializers.Serializer[Any]):
    items = ApiKeyBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ServiceAccountInput(Input):
    name = serializers.RegexField(NO_CONTROL, max_length=80)


class ServiceAccountBody(Named):
    created_at = serializers.DateTimeField()


class ServiceAccountList(serializers.Serializer[Any]):
    items = ServiceAccountBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)
