"""People, machines and access over /v1."""

from django.urls import path

from tenants.api.access import Acl, AclExplain, AclItem, GroupItem, GroupMemberItem, GroupMembers, Groups
from tenants.api.machines import ApiKeyItem, ApiKeys, RotateApiKey, ServiceAccountItem, ServiceAccounts
from tenants.api.people import InvitationItem, Invitations, Member, Members, WhoAmI
from tenants.api.places import EnvironmentItem, Environments, OrganizationItem

__all__ = ["WhoAmI", "environment_routes", "organization_routes", "place_routes"]

place_routes = [
    path("environments/<uuid:environment_id>", EnvironmentItem.as_view()),
    path("organizations/<uuid:organization_id>", OrganizationItem.as_view()),
]
environment_routes = [
    path("api-keys", ApiKeys.as_view()),
    path("api-keys/<uuid:id>", ApiKeyItem.as_view()),
    path("api-keys/<uuid:id>/rotate", RotateApiKey.as_view()),
]
organization_routes = [
    path("environments", Environments.as_view()),
    path("members", Members.as_view()),
    path("members/<uuid:id>", Member.as_view()),
    path("invitations", Invitations.as_view()),
    path("invitations/<uuid:id>", InvitationItem.as_view()),
    path("groups", Groups.as_view()),
    path("groups/<uuid:id>", GroupItem.as_view()),
    path("groups/<uuid:id>/members", GroupMembers.as_view()),
    path("groups/<uuid:id>/members/<uuid:member_id>", GroupMemberItem.as_view()),
    path("acl", Acl.as_view()),
    path("acl/explain", AclExplain.as_view()),
    path("acl/<uuid:id>", AclItem.as_view()),
    path("service-accounts", ServiceAccounts.as_view()),
    path("service-accounts/<uuid:id>", ServiceAccountItem.as_view()),
]
