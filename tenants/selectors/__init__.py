"""Reads of organizations, people, groups, machines and access rules."""

from tenants.selectors.access import (
    AccessRules,
    get_entry,
    get_group,
    list_entries,
    list_group_members,
    list_groups,
)
from tenants.selectors.doors import Facts, Obstacle, facts_of, find_obstacle, is_within, kinds_that_count
from tenants.selectors.machines import get_api_key, get_service_account, list_api_keys, list_service_accounts
from tenants.selectors.people import (
    expired_invitations,
    find_invitation,
    get_invitation,
    get_member,
    is_member,
    list_invitations,
    list_members,
    page_invitations,
    page_members,
)
from tenants.selectors.places import (
    Belonging,
    describe_actor,
    find_belonging,
    get_environment,
    get_organization,
    list_belongings,
    list_environments,
)
from tenants.selectors.support import Support, find_support

__all__ = [
    "AccessRules",
    "Belonging",
    "Facts",
    "Obstacle",
    "Support",
    "describe_actor",
    "expired_invitations",
    "facts_of",
    "find_belonging",
    "find_invitation",
    "find_obstacle",
    "find_support",
    "get_api_key",
    "get_entry",
    "get_environment",
    "get_group",
    "get_invitation",
    "get_member",
    "get_organization",
    "get_service_account",
    "is_member",
    "is_within",
    "kinds_that_count",
    "list_api_keys",
    "list_belongings",
    "list_entries",
    "list_environments",
    "list_group_members",
    "list_groups",
    "list_invitations",
    "list_members",
    "list_service_accounts",
    "page_invitations",
    "page_members",
]
