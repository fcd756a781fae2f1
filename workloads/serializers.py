"""Bodies of workloads' endpoints over /v1."""

from typing import Any

from rest_framework import serializers

from hq.lib.workload_tokens import MOST_CHARACTERS
from hq.web.api import Input
from workloads.models import LONGEST_SECONDS, Trust


class TrustBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Trust.Kind.values)
    issuer = serializers.CharField(help_text="What tokens have to name in `iss`.")
    audience = serializers.CharField(help_text="What tokens have to name in `aud`, and nothing else.")
    subject = serializers.CharField(help_text="What tokens have to name in `sub`.")
    claims = serializers.DictField(help_text="Claims that have to be there and equal, by name. A dot leads into one.")
    jwks_uri = serializers.CharField(allow_null=True, help_text="Where its keys are; null if they were pasted.")
    service_account_id = serializers.UUIDField()
    scopes = serializers.ListField(child=serializers.CharField())
    seconds = serializers.IntegerField(min_value=1, max_value=LONGEST_SECONDS)
    single_use = serializers.BooleanField()
    enabled = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class TrustList(serializers.Serializer[Any]):
    items = TrustBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class CheckBody(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="Such as `signature`, `audience`, or `claim:repository`.")
    passed = serializers.BooleanField()
    detail = serializers.CharField()


class GivenBody(serializers.Serializer[Any]):
    token = serializers.UUIDField(help_text="The id under which the trail knows it.")
    scopes = serializers.ListField(child=serializers.CharField())
    seconds = serializers.IntegerField()


class ExchangeBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    trust_id = serializers.UUIDField()
    at = serializers.DateTimeField()
    outcome = serializers.ChoiceField(choices=["given", "refused"])
    reason = serializers.CharField(help_text="The check that failed first; empty for what was given.")
    checks = CheckBody(many=True)
    given = GivenBody(allow_null=True)
    ip = serializers.CharField(allow_null=True)
    request_id = serializers.CharField()


class ExchangeList(serializers.Serializer[Any]):
    items = ExchangeBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DryRunInput(Input):
    token = serializers.CharField(
        max_length=MOST_CHARACTERS, help_text="A workload’s token. It is looked at, and neither kept nor used up."
    )


class DryRunBody(serializers.Serializer[Any]):
    holds = serializers.BooleanField(help_text="Whether an exchange would give a token now.")
    checks = CheckBody(many=True)


class TokenRequest(serializers.Serializer[Any]):
    """RFC 8693, section 2.1. A form, not JSON; each parameter once."""

    grant_type = serializers.ChoiceField(choices=["urn:ietf:params:oauth:grant-type:token-exchange"])
    audience = serializers.CharField(help_text="The trust: its id, or its address below /v1/workload-trusts/.")
    subject_token = serializers.CharField(help_text="What the platform signed for the workload.")
    subject_token_type = serializers.ChoiceField(
        choices=["urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"]
    )
    requested_token_type = serializers.ChoiceField(
        choices=["urn:ietf:params:oauth:token-type:access_token"], required=False
    )
    scope = serializers.CharField(
        required=False, help_text="Some of the trust’s scopes, with spaces between. All of them, if it is left out."
    )


class IssuedBody(serializers.Serializer[Any]):
    """RFC 8693, section 2.2.1."""

    access_token = serializers.CharField()
    issued_token_type = serializers.CharField()
    token_type = serializers.ChoiceField(choices=["Bearer"])
    expires_in = serializers.IntegerField()
    scope = serializers.CharField()


class OAuthErrorBody(serializers.Serializer[Any]):
    """RFC 6749, section 5.2."""

    error = serializers.ChoiceField(choices=["invalid_request", "invalid_scope", "unsupported_grant_type"])
    error_description = serializers.CharField()
