"""Verbs on organizations, people and machines."""

from tenants.actions.access import change_level, give_access, withdraw_access
from tenants.actions.answers import Answers, forget_answers
from tenants.actions.api_keys import create_api_key, revoke_api_key, rotate_api_key
from tenants.actions.chains import record_for_deployment, record_on_both_sides
from tenants.actions.groups import create_group, put_in_group, remove_group, rename_group, take_out_of_group
from tenants.actions.keepers import Keepers
from tenants.actions.key_alerts import alert_mail, list_keys_to_tell_of, note_new_network, tell_of_key
from tenants.actions.key_checks import NetworkNotAllowed, authenticate_api_key, is_nobodys
from tenants.actions.key_use import note_key_use
from tenants.actions.operators import demote_operator, promote_operator
from tenants.actions.organizations import create_organization, provision, register_steps
from tenants.actions.people import (
    accept_invitation,
    add_member,
    change_role,
    forget_unsent,
    invitation_mail,
    invite_member,
    remove_member,
    revoke_invitation,
)
from tenants.actions.service_accounts import create_service_account, end_service_account
from tenants.actions.service_calls import authenticate_service_call
from tenants.actions.sign_in import (
    create_first_sign_in,
    create_sign_in_link,
    ensure_person,
    reclaim_person,
    reset_factors,
    update_profile,
    use_sign_in_link,
)
from tenants.actions.standing import move_organization
from tenants.actions.support import (
    approve_support,
    end_support,
    end_support_in,
    end_support_of_session,
    operator_actor,
    refuse_support,
    request_support,
    settle_overdue_support,
    start_support,
)

__all__ = [
    "Answers",
    "Keepers",
    "NetworkNotAllowed",
    "accept_invitation",
    "add_member",
    "alert_mail",
    "approve_support",
    "authenticate_api_key",
    "authenticate_service_call",
    "change_level",
    "change_role",
    "create_api_key",
    "create_first_sign_in",
    "create_group",
    "create_organization",
    "create_service_account",
    "create_sign_in_link",
    "demote_operator",
    "end_service_account",
    "end_support",
    "end_support_in",
    "end_support_of_session",
    "ensure_person",
    "forget_answers",
    "forget_unsent",
    "give_access",
    "invitation_mail",
    "invite_member",
    "is_nobodys",
    "list_keys_to_tell_of",
    "move_organization",
    "note_key_use",
    "note_new_network",
    "operator_actor",
    "promote_operator",
    "provision",
    "put_in_group",
    "reclaim_person",
    "record_for_deployment",
    "record_on_both_sides",
    "refuse_support",
    "register_steps",
    "remove_group",
    "remove_member",
    "rename_group",
    "request_support",
    "reset_factors",
    "revoke_api_key",
    "revoke_invitation",
    "rotate_api_key",
    "settle_overdue_support",
    "start_support",
    "take_out_of_group",
    "tell_of_key",
    "update_profile",
    "use_sign_in_link",
    "withdraw_access",
]
