"""Bodies of /v1 for groups, access rules and their explanations."""

from typing import Any

from rest_framework import serializers

from hq.authz.levels import Level
from hq.lib.text import NO_CONTROL
from hq.web.api import Input
from tenants.selectors.explain import ACTS
from tenants.selectors.principals import GROUP, MEMBER, SERVICE_ACCOUNT
from tenants.serializers.people import Named

LEVELS = [level.name.lower() for level in Level]
MOST_AT_ONCE = 500


class GroupInput(Input):
    name = serializers.RegexField(NO_CONTROL, max_length=120)


class GroupBody(Named):
    source = serializers.CharField(help_text="here, or directory: then only the directory changes it.")  # type: ignore[assignment]  # the body's word; DRF's own attribute is not used
    created_at = serializers.DateTimeField()


class GroupList(serializers.Serializer[Any]):
    items = GroupBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class GroupMembersInput(Input):
    members = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE)


class GroupMemberBody(Named):
    email = serializers.EmailField()
    added_at = serializers.DateTimeField()


class GroupMemberList(serializers.Serializer[Any]):
    items = GroupMemberBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class AclEntryInput(Input):
    environment_id = serializers.UUIDField(required=False, help_text="The key's own; left out, it is that one.")
    prefix = serializers.CharField(
        max_length=1024,
        allow_blank=True,
        trim_whitespace=False,
        help_text="A folder with its slash, such as reports/. Empty is every file.",
    )
    level = serializers.ChoiceField(choices=LEVELS)
    member_id = serializers.UUIDField(required=False, help_text="One of these three.")
    group_id = serializers.UUIDField(required=False)
    service_account_id = serializers.UUIDField(required=False)


class LevelInput(Input):
    level = serializers.ChoiceField(choices=LEVELS)


class PrincipalBody(Named):
    kind = serializers.ChoiceField(choices=[MEMBER, GROUP, SERVICE_ACCOUNT])


class AclEntryBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    environment_id = serializers.UUIDField()
    prefix = serializers.CharField()
    level = serializers.ChoiceField(choices=LEVELS)
    principal = PrincipalBody()
    created_at = serializers.DateTimeField()


class AclEntryList(serializers.Serializer[Any]):
    items = AclEntryBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class WayBody(serializers.Serializer[Any]):
    by = serializers.ChoiceField(choices=["role", "rule"])
    role = serializers.CharField(required=False)
    rule_id = serializers.UUIDField(required=False)
    prefix = serializers.CharField(required=False)
    level = serializers.ChoiceField(choices=LEVELS, required=False)
    group = Named(required=False, allow_null=True, help_text="The group through which a rule counts.")


class ReasonBody(WayBody):
    permission = serializers.CharField()
    counts = serializers.BooleanField(help_text="Whether it gives the permission; a role may not, a level be too low.")


class DecisionBody(serializers.Serializer[Any]):
    act = serializers.ChoiceField(choices=list(ACTS))
    permissions = serializers.ListField(child=serializers.CharField())
    allowed = serializers.BooleanField()
    missing = serializers.ListField(child=serializers.CharField())
    reasons = ReasonBody(many=True)


class ExplanationBody(serializers.Serializer[Any]):
    principal = PrincipalBody()
    role = serializers.CharField()
    active = serializers.BooleanField(help_text="False where the account is switched off: it may do nothing.")
    path = serializers.CharField()
    rules_only = serializers.BooleanField(help_text="Whether roles open no files in this organization.")
    decisions = DecisionBody(many=True)


class ReacherBody(serializers.Serializer[Any]):
    principal = PrincipalBody()
    acts = serializers.ListField(child=serializers.ChoiceField(choices=list(ACTS)))
    reasons = WayBody(many=True)
    api_keys = serializers.IntegerField(help_text="Keys of this environment that work now and touch files.")


class ReachList(serializers.Serializer[Any]):
    items = ReacherBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)
