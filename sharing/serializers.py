"""Bodies of /v1 for share links and what they open."""

from typing import Any

from rest_framework import serializers

from hq.web.api import Input
from sharing.models import (
    DEFAULT,
    FILES_MOST,
    LONGEST,
    PATHS_MOST,
    PURPOSE_LENGTH,
    RECIPIENT_LENGTH,
    RECIPIENTS_MOST,
    REQUEST_DEFAULT,
    REQUEST_LONGEST,
    REQUEST_SHORTEST,
    SHORTEST,
    TYPES_MOST,
    RequestState,
    ShareAttempt,
    ShareLink,
    State,
    UploadAttempt,
)

LEVELS = [level.value for level in ShareLink.Level]
TOKEN_MOST = 8192  # twice what a token can have: a longer one is answered like any other that does not open


class RecipientInput(Input):
    label = serializers.CharField(  # type: ignore[assignment]  # a field is taken off the class, which has such a name
        max_length=RECIPIENT_LENGTH, help_text="Whom this link is for. Kept sealed; the recipient does not see it."
    )
    ttl_seconds = serializers.IntegerField(
        required=False,
        min_value=int(SHORTEST.total_seconds()),
        max_value=int(LONGEST.total_seconds()),
        help_text="Its own life, where that is not the others’.",
    )


class ShareInput(Input):
    paths = serializers.ListField(
        child=serializers.CharField(max_length=4096, trim_whitespace=False),
        min_length=1,
        max_length=PATHS_MOST,
        help_text="Objects of this environment, and folders, which end in a slash. For `read` there must be something."
        " With `write` the recipient may replace the objects, and add new ones below the folders.",
    )
    permission = serializers.ChoiceField(choices=LEVELS, default="read", help_text="`admin` cannot be shared.")
    ttl_seconds = serializers.IntegerField(
        default=int(DEFAULT.total_seconds()),
        min_value=int(SHORTEST.total_seconds()),
        max_value=int(LONGEST.total_seconds()),
        help_text="Within how many seconds it must be opened: 60 to 604800, 900 when left out.",
    )
    purpose = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=PURPOSE_LENGTH,
        help_text="What it is for. Shown to the recipient and kept in the trail.",
    )
    password = serializers.CharField(
        default="",
        allow_blank=True,
        trim_whitespace=False,
        max_length=200,
        help_text="8 to 200 characters that opening asks for. HQ keeps an Argon2id hash.",
    )
    recipients = serializers.ListField(
        child=RecipientInput(),
        default=list,
        max_length=RECIPIENTS_MOST,
        help_text="A link for each of them, made in one step. One link where this is left out.",
    )


class MadeLinkBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    url = serializers.URLField(help_text="Give this to the recipient. Shown once: HQ keeps only a hash.")
    token = serializers.CharField(help_text="The capability in the address, for clients that redeem it themselves.")
    expires_at = serializers.DateTimeField(help_text="It must be opened before this moment.")
    permission = serializers.ChoiceField(choices=LEVELS)
    paths = serializers.ListField(child=serializers.CharField())
    recipient = serializers.CharField(help_text="Whom it is for; empty where nobody was named.")


class MadeShareBody(MadeLinkBody):
    """The first link that was made; `links` are all of them."""

    links = MadeLinkBody(many=True, help_text="Every link, in the order of `recipients`, each to be given to one.")


class ShareBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=State.values)
    permission = serializers.ChoiceField(choices=LEVELS)
    purpose = serializers.CharField()
    recipient = serializers.CharField(help_text="Whom it is for; empty where nobody was named.")
    batch_id = serializers.UUIDField(allow_null=True, help_text="Shared by links that were made in one step.")
    password = serializers.BooleanField(help_text="Whether opening asks for a password.")
    paths = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    expires_at = serializers.DateTimeField()
    opened_at = serializers.DateTimeField(allow_null=True)
    opened_ip = serializers.IPAddressField(allow_null=True)
    access_ends_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_by = serializers.CharField(allow_null=True)


class ShareList(serializers.Serializer[Any]):
    items = ShareBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class AttemptBody(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=ShareAttempt.Kind.values)
    reason = serializers.CharField(help_text="Why it was refused; empty otherwise.")
    ip = serializers.IPAddressField(allow_null=True)
    user_agent = serializers.CharField()
    path = serializers.CharField(help_text="What was downloaded or uploaded; empty otherwise.")
    size = serializers.IntegerField(allow_null=True, help_text="Bytes of it.")


class ShareLifeBody(ShareBody):
    attempts = AttemptBody(many=True, help_text="The newest 200, newest first.")


class RedeemInput(Input):
    token = serializers.CharField(max_length=TOKEN_MOST, help_text="What follows /s/ in the address of the link.")
    password = serializers.CharField(
        default="",
        allow_blank=True,
        trim_whitespace=False,
        max_length=200,
        help_text="For a link that asks for one. A wrong one is answered with 403 and uses nothing up.",
    )


class RedeemedBody(serializers.Serializer[Any]):
    session_token = serializers.CharField(help_text="Send it as `Authorization: Bearer` to /v1/shared. Shown once.")
    paths = serializers.ListField(child=serializers.CharField())
    permission = serializers.ChoiceField(choices=LEVELS)
    expires_at = serializers.DateTimeField(help_text="15 minutes after opening.")


class SharedObjectBody(serializers.Serializer[Any]):
    path = serializers.CharField()
    size = serializers.IntegerField(allow_null=True, help_text="Bytes; null where nothing is stored yet.")
    sha256 = serializers.CharField(allow_null=True, help_text="Of the content, hex; null where nothing is stored yet.")


class SharedObjectList(serializers.Serializer[Any]):
    items = SharedObjectBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class UploadRequestInput(Input):
    folder = serializers.CharField(max_length=1024, trim_whitespace=False, help_text="Where the files go.")
    purpose = serializers.CharField(
        default="", allow_blank=True, max_length=PURPOSE_LENGTH, help_text="What is asked for. Shown to the sender."
    )
    ttl_seconds = serializers.IntegerField(
        default=int(REQUEST_DEFAULT.total_seconds()),
        min_value=int(REQUEST_SHORTEST.total_seconds()),
        max_value=int(REQUEST_LONGEST.total_seconds()),
        help_text="How long files are taken: 60 to 2592000 seconds, 7 days when left out.",
    )
    files_most = serializers.IntegerField(default=20, min_value=1, max_value=FILES_MOST)
    file_size_most = serializers.IntegerField(
        default=100_000_000, min_value=1, max_value=2**53 - 1, help_text="Bytes of each."
    )
    size_most = serializers.IntegerField(
        default=1_000_000_000, min_value=1, max_value=2**53 - 1, help_text="Bytes of all."
    )
    types = serializers.ListField(
        child=serializers.CharField(max_length=17),
        default=list,
        max_length=TYPES_MOST,
        help_text="Endings of names, such as `pdf`; any where left out.",
    )


class UploadRequestBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=RequestState.values)
    folder = serializers.CharField()
    purpose = serializers.CharField()
    files = serializers.IntegerField(help_text="That came, or are on their way.")
    size = serializers.IntegerField(help_text="Bytes of them.")
    files_most = serializers.IntegerField()
    file_size_most = serializers.IntegerField()
    size_most = serializers.IntegerField()
    types = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    expires_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    closed_by = serializers.CharField(allow_null=True)


class MadeRequestBody(UploadRequestBody):
    url = serializers.URLField(help_text="Give this to whoever is to send files. Shown once: HQ keeps only a hash.")


class UploadRequestList(serializers.Serializer[Any]):
    items = UploadRequestBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SentFileBody(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=UploadAttempt.Kind.values)
    reason = serializers.CharField(help_text="Why it was refused; empty otherwise.")
    ip = serializers.IPAddressField(allow_null=True)
    user_agent = serializers.CharField()
    path = serializers.CharField()
    size = serializers.IntegerField(allow_null=True)
    sha256 = serializers.CharField(help_text="Of what came, hex; empty otherwise.")


class UploadRequestLife(UploadRequestBody):
    uploads = SentFileBody(many=True, help_text="The newest 200, newest first.")


class SharingRuleBody(serializers.Serializer[Any]):
    group_id = serializers.UUIDField(allow_null=True, help_text="Null is the rule for everybody.")
    longest_seconds = serializers.IntegerField(allow_null=True)
    password_required = serializers.BooleanField()
    domains = serializers.ListField(child=serializers.CharField())
    write_allowed = serializers.BooleanField()
    requests_allowed = serializers.BooleanField()


class SharingRuleList(serializers.Serializer[Any]):
    items = SharingRuleBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)
