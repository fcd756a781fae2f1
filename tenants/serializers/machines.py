"""Bodies of /v1 for machines."""

from typing import Any

from rest_framework import serializers

from hq.authz.permissions import SCOPES
from hq.lib.text import NO_CONTROL
from hq.web.api import Input
from tenants.actions.api_keys import GRACE_HOURS, MOST_GRACE_HOURS, MOST_NETWORKS
from tenants.selectors.machines import KEY_STATES
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
    networks = serializers.ListField(
        child=serializers.CharField(max_length=60),
        max_length=MOST_NETWORKS,
        required=False,
        help_text="The only networks that the key is accepted from, such as 203.0.113.0/24. None: from everywhere.",
    )


class ApiKeyRotateInput(Input):
    grace_hours = serializers.IntegerField(
        min_value=0,
        max_value=MOST_GRACE_HOURS,
        default=GRACE_HOURS,
        help_text="For how long both keys work. 0 ends the old one at once.",
    )


class UseBody(serializers.Serializer[Any]):
    date = serializers.DateField(help_text="A day in UTC.")
    requests = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="From a network that the key is not accepted from.")


class ApiKeyBody(Named):
    hint = serializers.CharField(help_text="The last four characters.")
    scopes = serializers.ListField(child=serializers.CharField())
    networks = serializers.ListField(child=serializers.CharField(), help_text="Empty: from everywhere.")
    service_account_id = serializers.UUIDField(allow_null=True)
    made_by_key_id = serializers.UUIDField(allow_null=True, help_text="The key that made it, and that it ends with.")
    replaced_by_id = serializers.UUIDField(allow_null=True, help_text="The key that it was rotated into.")
    used_since_rotated = serializers.BooleanField(
        allow_null=True, help_text="Whether something still uses it; null for one that was not rotated."
    )
    state = serializers.ChoiceField(
        choices=KEY_STATES, help_text="A rotated key works until `expires_at`, beside the one that replaced it."
    )
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_used_ip = serializers.IPAddressField(allow_null=True)
    last_used_agent = serializers.CharField(allow_null=True)
    days = UseBody(many=True, help_text="The last 14 days, oldest first.")


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
