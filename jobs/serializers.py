"""The shape of a job in the API."""

from typing import Any

from rest_framework import serializers

from jobs.models import Job


class JobShape(serializers.Serializer[Job]):
    """Progress of anything slow. `total` 0 means not known yet."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=Job.State.values)
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    message = serializers.CharField(allow_blank=True)
    error = serializers.CharField(allow_null=True, help_text="Why the last attempt failed; null while none has.")
    attempts = serializers.IntegerField()
    result = serializers.DictField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


def shape(job: Job) -> dict[str, Any]:
    """What the API tells of a job: not who works on it, and not its payload."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "message": job.message,
        "error": job.error or None,
        "attempts": job.attempts,
        "result": job.result,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }
