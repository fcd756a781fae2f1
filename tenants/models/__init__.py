"""Organizations, their environments, the people in them and their groups, machines, and who may reach what."""

from tenants.models.access import AclEntry
from tenants.models.answers import Answer
from tenants.models.machines import ApiKey, ApiKeyDay, ApiKeyNetwork, ServiceAccount
from tenants.models.members import Group, GroupMember, Invitation, Membership
from tenants.models.organizations import FACTORS, LIVE, TEST, TOTP, WEBAUTHN, Environment, Organization, Policy
from tenants.models.people import THEMES, OneTimeSignIn, User
from tenants.models.support import AccessRequest

__all__ = [
    "FACTORS",
    "LIVE",
    "TEST",
    "THEMES",
    "TOTP",
    "WEBAUTHN",
    "AccessRequest",
    "AclEntry",
    "Answer",
    "ApiKey",
    "ApiKeyDay",
    "ApiKeyNetwork",
    "Environment",
    "Group",
    "GroupMember",
    "Invitation",
    "Membership",
    "OneTimeSignIn",
    "Organization",
    "Policy",
    "ServiceAccount",
    "User",
]
