"""Verbs on organizations, people and machines."""

from tenants.actions.api_keys import authenticate_api_key, create_api_key, revoke_api_key
from tenants.actions.keepers import Keepers
from tenants.actions.organizations import create_organization, provision, register_steps
from tenants.actions.people import accept_invitation, change_role, invite_member, remove_member, revoke_invitation
from tenants.actions.sign_in import (
    create_sign_in_link,
    ensure_person,
    promote_operator,
    reset_factors,
    update_profile,
    use_sign_in_link,
)

__all__ = [
    "Keepers",
    "accept_invitation",
    "authenticate_api_key",
    "change_role",
    "create_api_key",
    "create_organization",
    "create_sign_in_link",
    "ensure_person",
    "invite_member",
    "promote_operator",
    "provision",
    "register_steps",
    "remove_member",
    "reset_factors",
    "revoke_api_key",
    "revoke_invitation",
    "update_profile",
    "use_sign_in_link",
]
