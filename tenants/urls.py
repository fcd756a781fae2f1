"""Addresses of people, organizations and machines."""

from django.urls import path

from tenants.views import (
    access,
    account,
    api_keys,
    explorer,
    factors,
    groups,
    organizations,
    people,
    policy,
    service_accounts,
    support,
)

urlpatterns = [
    path("", organizations.home, name="home"),
    path("organizations/", organizations.organizations, name="organizations"),
    path("organizations/new", organizations.new_organization, name="new_organization"),
    path("invitations/<str:token>", organizations.invitation, name="invitation"),
    path("sign-in/<str:token>", account.sign_in_once, name="sign_in_once"),
    path("me/", account.profile, name="profile"),
    path("me/activity", account.activity, name="activity"),
    # Before allauth's own of the same names: HQ asks for more, or shows all on one page.
    path("account/2fa/totp/activate/", factors.activate_app, name="mfa_activate_totp"),
    path("account/2fa/webauthn/", factors.list_keys, name="mfa_list_webauthn"),
    path("account/2fa/webauthn/add/", factors.add_key, name="mfa_add_webauthn"),
    path("account/2fa/webauthn/keys/<int:pk>/remove/", factors.remove_key, name="mfa_remove_webauthn"),
    path("account/sessions/", account.sessions, name="usersessions_list"),
    path("o/<slug:org_slug>/", organizations.organization, name="organization"),
    path("o/<slug:org_slug>/<env:env_name>/people/", people.people, name="people"),
    path("o/<slug:org_slug>/<env:env_name>/people/invite", people.invite, name="invite"),
    path("o/<slug:org_slug>/<env:env_name>/people/<uuid:id>/role", people.change_role, name="change_role"),
    path("o/<slug:org_slug>/<env:env_name>/people/<uuid:id>/remove", people.remove_member, name="remove_member"),
    path(
        "o/<slug:org_slug>/<env:env_name>/invitations/<uuid:id>/revoke",
        people.revoke_invitation,
        name="revoke_invitation",
    ),
    path("o/<slug:org_slug>/<env:env_name>/policy/", policy.policy, name="policy"),
    path("o/<slug:org_slug>/<env:env_name>/policy/change", policy.change_policy, name="change_policy"),
    path("o/<slug:org_slug>/<env:env_name>/groups/", groups.groups, name="groups"),
    path("o/<slug:org_slug>/<env:env_name>/groups/new", groups.new_group, name="new_group"),
    path("o/<slug:org_slug>/<env:env_name>/groups/<uuid:id>/", groups.group, name="group"),
    path("o/<slug:org_slug>/<env:env_name>/groups/<uuid:id>/rename", groups.rename_group, name="rename_group"),
    path("o/<slug:org_slug>/<env:env_name>/groups/<uuid:id>/add", groups.add_to_group, name="add_to_group"),
    path(
        "o/<slug:org_slug>/<env:env_name>/groups/<uuid:id>/take-out", groups.take_out_of_group, name="take_out_of_group"
    ),
    path("o/<slug:org_slug>/<env:env_name>/groups/<uuid:id>/remove", groups.remove_group, name="remove_group"),
    path("o/<slug:org_slug>/<env:env_name>/access/", access.access, name="access"),
    path("o/<slug:org_slug>/<env:env_name>/access/new", access.new_access, name="new_access"),
    path("o/<slug:org_slug>/<env:env_name>/access/explorer", explorer.explorer, name="explorer"),
    path("o/<slug:org_slug>/<env:env_name>/access/<uuid:id>/level", access.change_level, name="change_level"),
    path("o/<slug:org_slug>/<env:env_name>/access/<uuid:id>/withdraw", access.withdraw_access, name="withdraw_access"),
    path(
        "o/<slug:org_slug>/<env:env_name>/service-accounts/", service_accounts.service_accounts, name="service_accounts"
    ),
    path(
        "o/<slug:org_slug>/<env:env_name>/service-accounts/new",
        service_accounts.new_service_account,
        name="new_service_account",
    ),
    path(
        "o/<slug:org_slug>/<env:env_name>/service-accounts/<uuid:id>/",
        service_accounts.service_account,
        name="service_account",
    ),
    path(
        "o/<slug:org_slug>/<env:env_name>/service-accounts/<uuid:id>/end",
        service_accounts.end_service_account,
        name="end_service_account",
    ),
    path("o/<slug:org_slug>/<env:env_name>/support/", support.support, name="support"),
    path("o/<slug:org_slug>/<env:env_name>/support/<uuid:id>/approve", support.approve_support, name="approve_support"),
    path("o/<slug:org_slug>/<env:env_name>/support/<uuid:id>/refuse", support.refuse_support, name="refuse_support"),
    path("o/<slug:org_slug>/<env:env_name>/support/<uuid:id>/end", support.end_support, name="end_support"),
    path("o/<slug:org_slug>/<env:env_name>/api-keys/", api_keys.api_keys, name="api_keys"),
    path("o/<slug:org_slug>/<env:env_name>/api-keys/new", api_keys.new_api_key, name="new_api_key"),
    path("o/<slug:org_slug>/<env:env_name>/api-keys/<uuid:id>/", api_keys.api_key, name="api_key"),
    path("o/<slug:org_slug>/<env:env_name>/api-keys/<uuid:id>/rotate", api_keys.rotate_api_key, name="rotate_api_key"),
    path("o/<slug:org_slug>/<env:env_name>/api-keys/<uuid:id>/revoke", api_keys.revoke_api_key, name="revoke_api_key"),
]
