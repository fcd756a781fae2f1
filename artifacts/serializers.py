"""Bodies of /v1 for published artifacts."""

from typing import Any

from rest_framework import serializers

from artifacts.models import (
    FOR_LENGTH,
    LINKS_AT_ONCE,
    LONGEST,
    NAME_LENGTH,
    SHORTEST,
    Artifact,
    ArtifactLink,
    ArtifactVisit,
)
from hq.web.api import Input

ACCESS = [kind.value for kind in Artifact.Access]


class ArtifactInput(Input):
    name = serializers.CharField(max_length=4 * NAME_LENGTH, help_text="What people call it. Sealed.")
    access = serializers.ChoiceField(
        choices=ACCESS,
        default=Artifact.Access.LINK.value,
        help_text="Who may see it: holders of a `link`, who knows a `password`, or who knows the address (`open`).",
    )
    password = serializers.CharField(
        default=None, allow_null=True, max_length=1000, trim_whitespace=False, help_text="8 to 200 characters."
    )
    address = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=200,
        help_text="How the host name begins, in the clear; HQ adds twelve characters that nobody guesses.",
    )


class ArtifactChange(Input):
    name = serializers.CharField(required=False, max_length=4 * NAME_LENGTH)
    access = serializers.ChoiceField(required=False, choices=ACCESS)
    password = serializers.CharField(
        required=False,
        max_length=1000,
        trim_whitespace=False,
        help_text="A new one. Whoever came in by the former is out within a minute.",
    )


class ArtifactBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    url = serializers.URLField(help_text="Where it is served.")
    access = serializers.ChoiceField(choices=ACCESS)
    current = serializers.IntegerField(allow_null=True, help_text="The deployment that is shown.")
    deployed = serializers.IntegerField(help_text="The number of the newest deployment there ever was.")
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()


class ArtifactList(serializers.Serializer[Any]):
    items = ArtifactBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DeploymentBody(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    files = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Bytes of all files.")
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()


class DeploymentList(serializers.Serializer[Any]):
    items = DeploymentBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ChangeBody(serializers.Serializer[Any]):
    path = serializers.CharField()
    kind = serializers.ChoiceField(choices=["added", "changed", "removed"])
    before = serializers.IntegerField(allow_null=True, help_text="Bytes before; null where there was none.")
    after = serializers.IntegerField(allow_null=True, help_text="Bytes after; null where there is none.")


class DeploymentDetailBody(DeploymentBody):
    added = serializers.IntegerField()
    changed = serializers.IntegerField()
    removed = serializers.IntegerField()
    changes = ChangeBody(many=True, help_text="Against the deployment before it; the first 200 by path.")


class FolderInput(Input):
    folder = serializers.CharField(
        max_length=4096, trim_whitespace=False, help_text="A folder of this environment's files, such as `site/`."
    )


class CurrentInput(Input):
    deployment = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class LinksInput(Input):
    recipients = serializers.ListField(
        child=serializers.CharField(max_length=4 * FOR_LENGTH, allow_blank=True),
        default=lambda: [""],
        min_length=1,
        max_length=LINKS_AT_ONCE,
        help_text="For whom; one link each.",
    )
    ttl_seconds = serializers.IntegerField(
        default=int(LONGEST.total_seconds()),
        min_value=int(SHORTEST.total_seconds()),
        max_value=int(LONGEST.total_seconds()),
        help_text="Within how many seconds it must be opened: 60 to 604800, which it is when left out.",
    )


class MadeArtifactLinkBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    recipient = serializers.CharField()
    url = serializers.URLField(help_text="Give this to the recipient. Shown once: HQ keeps only a hash.")
    expires_at = serializers.DateTimeField()


class MadeLinksBody(serializers.Serializer[Any]):
    items = MadeArtifactLinkBody(many=True)


class ArtifactLinkBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    recipient = serializers.CharField()
    state = serializers.ChoiceField(choices=ArtifactLink.State.values)
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    expires_at = serializers.DateTimeField()
    opened_at = serializers.DateTimeField(allow_null=True)
    opened_ip = serializers.IPAddressField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_by = serializers.CharField(allow_null=True)


class LinkList(serializers.Serializer[Any]):
    items = ArtifactLinkBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class VisitBody(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=ArtifactVisit.Kind.values)
    reason = serializers.CharField(help_text="Why it was refused; empty otherwise.")
    ip = serializers.IPAddressField(allow_null=True)
    user_agent = serializers.CharField()
    link_id = serializers.UUIDField(allow_null=True)


class VisitList(serializers.Serializer[Any]):
    items = VisitBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)
