"""Verbs on organizations, people and machines."""

from tenants.actions.access import change_level, give_access, withdraw_access
from tenants.actions.api_keys import authenticate_api_key, create_api_key, revoke_api_key
from tenants.actions.groups import create_group, put_in_group, remove_group, rename_group, take_out_of_group
from tenants.actions.keepers import Keepers
from tenants.actions.organizations import create_organization, provision, register_steps
from tenants.actions.people import (
    accept_invitation,
    add_member,
    change_role,
    invite_member,
    remove_member,
    revoke_invitation,
)
from tenants.actions.service_accounts import create_service_account, end_service_account
from tenants.actions.sign_in import (
    create_sign_in_link,
    ensure_person,
    promote_operator,
    reclaim_person,
    reset_factors,
    update_profile,
    use_sign_in_link,
)

__all__ = [
    "Keepers",
    "accept_invitation",
    "add_member",
    "authenticate_api_key",
    "change_level",
    "change_role",
    "create_api_key",
    "create_group",
    "create_organization",
    "create_service_account",
    "create_sign_in_link",
    "end_service_account",
    "ensure_person",
    "give_access",
    "invite_member",
    "promote_operator",
    "provision",
    "put_in_group",
    "reclaim_person",
    "register_steps",
    "remove_group",
    "remove_member",
    "rename_group",
    "reset_factors",
    "revoke_api_key",
    "revoke_invitation",
    "take_out_of_group",
    "update_profile",
    "use_sign_in_link",
    "withdraw_access",
]
