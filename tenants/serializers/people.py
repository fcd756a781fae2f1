"""Bodies of /v1 for people."""

from typing import Any

from rest_framework import serializers

from hq.authz.roles import Role
from hq.web.api import Input

PEOPLE_ROLES = [role.value for role in Role if role is not Role.SERVICE_ACCOUNT]


class Named(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class OrganizationBody(Named):
    slug = serializers.CharField()
    region = serializers.CharField()
    environments = Named(many=True)


class ActorBody(serializers.Serializer[Any]):
    kind = serializers.CharField()
    id = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]  # the body's word; DRF's own attribute is not used
    role = serializers.CharField(allow_null=True)


class Me(serializers.Serializer[Any]):
    actor = ActorBody()
    environment = Named()
    organizations = OrganizationBody(many=True)
    permissions = serializers.ListField(child=serializers.CharField())


class MemberInput(Input):
    role = serializers.ChoiceField(choices=PEOPLE_ROLES)


class MemberBody(Named):
    user_id = serializers.UUIDField(help_text="The person, in every organization; whom X-User-Token names.")
    email = serializers.EmailField()
    role = serializers.CharField()
    joined_at = serializers.DateTimeField()


class MemberList(serializers.Serializer[Any]):
    items = MemberBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class InvitationInput(Input):
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=PEOPLE_ROLES)


class InvitationBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    role = serializers.CharField()
    state = serializers.CharField(help_text="open, accepted, revoked or expired.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class MadeInvitationBody(InvitationBody):
    url = serializers.CharField(help_text="Shown once.")


class InvitationList(serializers.Serializer[Any]):
    items = InvitationBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)
