"""Bodies of /v1 for webhooks."""

from typing import Any

from rest_framework import serializers

from audit.tags import Tag
from hq.lib.text import NO_CONTROL
from hq.web.api import Input
from jobs.serializers import JobShape
from webhooks.actions.endpoints import ADDRESS_MOST, GRACE_MOST, NAME_MOST
from webhooks.models import EVERYTHING, KEPT_DAYS, Delivery, Endpoint

_EVENTS = [EVERYTHING, *(tag.value for tag in Tag)]
_ASKED = "Types of events: tags of the trail, or `*` for all of them, also those that HQ learns to tell later."


def _events(**named: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(choices=_EVENTS), min_length=1, max_length=len(_EVENTS), help_text=_ASKED, **named
    )


class WebhookInput(Input):
    name = serializers.RegexField(NO_CONTROL, max_length=NAME_MOST)
    url = serializers.CharField(
        max_length=ADDRESS_MOST, help_text="Begins with https:// and is reachable from the internet. Not asked now."
    )
    events = _events(default=[EVERYTHING])


class WebhookChangeInput(Input):
    name = serializers.RegexField(NO_CONTROL, max_length=NAME_MOST, required=False)
    url = serializers.CharField(max_length=ADDRESS_MOST, required=False)
    events = _events(required=False)


class WebhookSecretInput(Input):
    grace_hours = serializers.IntegerField(
        min_value=0,
        max_value=GRACE_MOST,
        default=24,
        help_text="For how long the former secret signs too. 0 ends it at once.",
    )


class ReplayInput(Input):
    delivery_id = serializers.UUIDField(required=False, help_text="This one alone.")
    since = serializers.DateTimeField(required=False, help_text=f"Of at most the last {KEPT_DAYS} days.")
    until = serializers.DateTimeField(required=False, help_text="What happened before this.")
    failed_only = serializers.BooleanField(default=True, help_text="Of the range, only what did not arrive.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = set(attrs) & {"delivery_id", "since", "until"}
        if given not in ({"delivery_id"}, {"since", "until"}):
            raise serializers.ValidationError("Name one delivery_id, or a range by since and until.")
        return attrs


class WebhookBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField())
    state = serializers.ChoiceField(choices=Endpoint.State.values)
    disabled_reason = serializers.ChoiceField(choices=Endpoint.Reason.values, allow_null=True)
    disabled_at = serializers.DateTimeField(allow_null=True)
    failing_since = serializers.DateTimeField(
        allow_null=True, help_text="When something did not arrive, and nothing has since."
    )
    delivered_at = serializers.DateTimeField(allow_null=True, help_text="When something arrived last.")
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class WebhookList(serializers.Serializer[Any]):
    items = WebhookBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class MadeWebhookBody(WebhookBody):
    secret = serializers.CharField(help_text="`whsec_…`, which the official libraries take. Shown once.")
    public_key = serializers.CharField(help_text="`whpk_…`, for receivers that should not be able to sign.")


class DeliveryBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    message_id = serializers.UUIDField(help_text="What receivers get as `webhook-id`.")
    type = serializers.CharField()
    at = serializers.DateTimeField(help_text="When the event happened.")
    state = serializers.ChoiceField(choices=Delivery.State.values)
    attempts = serializers.IntegerField()
    next_at = serializers.DateTimeField(allow_null=True, help_text="When it is tried next.")
    finished_at = serializers.DateTimeField(allow_null=True)


class DeliveryList(serializers.Serializer[Any]):
    items = DeliveryBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DeliveryAttemptBody(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True, help_text="Of the answer; null where none came.")
    fault = serializers.CharField(help_text="What went wrong where no answer came; empty otherwise.")
    milliseconds = serializers.IntegerField()
    replay = serializers.BooleanField(help_text="Sent by hand or as a test.")
    answer = serializers.CharField(help_text="The first 1,024 bytes of the answer.")


class DeliveryLifeBody(DeliveryBody):
    body = serializers.CharField(help_text="The very bytes that are sent and signed.")
    headers = serializers.DictField(
        child=serializers.CharField(), help_text="Those of the last attempt that the signature is about."
    )
    tries = DeliveryAttemptBody(many=True, help_text="Every attempt, oldest first.")


class ReplayBody(serializers.Serializer[Any]):
    delivery = DeliveryBody(allow_null=True, help_text="What is sent again now; null for a range.")
    job = JobShape(allow_null=True, help_text="What sends a range again; its progress is at `…/jobs/{id}`.")
