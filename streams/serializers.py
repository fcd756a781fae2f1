"""Bodies of /v1 for streams."""

from typing import Any

from rest_framework import serializers

from hq.lib.text import NO_CONTROL
from hq.web.api import Input
from streams.actions.streams import NOW, START
from streams.models import NAME_MOST, Sent, Stream

_LOGS = [sent.value for sent in Sent]
_TARGET = (
    "For https: url, format (lines or array), header. For syslog: host, port, ca (PEM). For s3: bucket, region, prefix,"
    " endpoint, access_key_id."
)
_SECRET = "For https: value, that of the header. For s3: secret_access_key. Never shown again."


def _logs(**named: Any) -> serializers.ListField:
    child = serializers.ChoiceField(choices=_LOGS)
    return serializers.ListField(child=child, min_length=1, max_length=len(_LOGS), **named)


class StreamInput(Input):
    name = serializers.RegexField(NO_CONTROL, max_length=NAME_MOST)
    kind = serializers.ChoiceField(choices=Stream.Kind.values)
    target = serializers.DictField(help_text=_TARGET)
    secret = serializers.DictField(default=dict, help_text=_SECRET)
    logs = _logs(required=False, help_text="All that there are when left out. `organization`: only in live.")
    begin = serializers.ChoiceField(choices=[NOW, START], default=NOW, help_text="Or with the first entry there is.")


class StreamChangeInput(Input):
    name = serializers.RegexField(NO_CONTROL, max_length=NAME_MOST, required=False)
    target = serializers.DictField(required=False, help_text=f"The whole of it. {_TARGET}")
    secret = serializers.DictField(required=False, help_text="What is left out or empty stays.")
    logs = _logs(required=False)


class StreamReplayInput(Input):
    log = serializers.ChoiceField(choices=_LOGS)
    index = serializers.IntegerField(min_value=1, max_value=2**53, required=False, help_text="The first entry to send.")
    since = serializers.DateTimeField(required=False, help_text="Or all from this time on.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("index" in attrs) == ("since" in attrs):
            raise serializers.ValidationError("Name an index or a time.")
        return attrs


class LagBody(serializers.Serializer[Any]):
    entries = serializers.IntegerField(help_text="How many have not arrived.")
    seconds = serializers.IntegerField(help_text="The age of the oldest of them.")


class StreamPositionBody(serializers.Serializer[Any]):
    log = serializers.ChoiceField(choices=_LOGS)
    acknowledged = serializers.IntegerField(help_text="The index of the last entry that arrived; 0: none yet.")
    length = serializers.IntegerField(help_text="How many entries the log has.")


class StreamBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Stream.Kind.values)
    target = serializers.DictField()
    state = serializers.ChoiceField(choices=Stream.State.values)
    paused_reason = serializers.ChoiceField(choices=Stream.Reason.values, allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True)
    failing_since = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(allow_blank=True)
    next_at = serializers.DateTimeField(allow_null=True, help_text="Nothing is tried before this.")
    sent_at = serializers.DateTimeField(allow_null=True, help_text="When a batch arrived last.")
    positions = StreamPositionBody(many=True)
    lag = LagBody()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class StreamList(serializers.Serializer[Any]):
    items = StreamBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class MadeStreamBody(StreamBody):
    signing_secret = serializers.CharField(
        allow_null=True, help_text="For https: `whsec_…`, which batches are signed with. Shown once."
    )
    public_key = serializers.CharField(allow_null=True, help_text="For https: `whpk_…`, to verify with.")


class BatchBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    log = serializers.ChoiceField(choices=_LOGS, allow_null=True, help_text="null: a test.")
    first = serializers.IntegerField()
    last = serializers.IntegerField()
    at = serializers.DateTimeField()
    arrived = serializers.BooleanField()
    error = serializers.CharField(allow_blank=True)
    milliseconds = serializers.IntegerField()
    bytes = serializers.IntegerField()


class BatchList(serializers.Serializer[Any]):
    items = BatchBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)
