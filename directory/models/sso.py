"""Connections to an organization's identity providers (ACC-4)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from hq.authz.roles import Role
from hq.db.classes import ORGANIZATION, Declared, Held
from hq.db.fields import Purpose, SealedJSONField, SealedTextField
from hq.db.models import TenantModel
from hq.lib.clock import now

# Nobody becomes an owner through an identity provider.
ROLES_BY_SSO = [role.value for role in Role if role not in {Role.OWNER, Role.SERVICE_ACCOUNT}]


class SsoConnection(TenantModel):
    """One identity provider. Its id is part of the addresses that are pasted there, so it never changes.

    `config` is what the provider's side is: for SAML `entity_id`, `sso_url`, `certificates` (PEM, at most two) and
    `attributes`; for OpenID Connect `issuer`, its end points and `client_id`; for WorkOS `client_id` and
    `connection` or `organization`. `groups` gives roles to groups by name, the strongest counts.
    """

    class Kind(models.TextChoices):
        OKTA = "okta", "Okta"
        ENTRA = "entra", "Microsoft Entra ID"
        GOOGLE = "google", "Google Workspace"
        ONELOGIN = "onelogin", "OneLogin"
        PINGFEDERATE = "pingfederate", "PingFederate"
        WORKOS = "workos", "WorkOS"
        OTHER = "other", "Another provider"

    class Protocol(models.TextChoices):
        SAML = "saml", "SAML 2.0"
        OIDC = "oidc", "OpenID Connect"
        WORKOS = "workos", "WorkOS"

    class State(models.TextChoices):
        """A DRAFT signs nobody in but who tests it; only an ACTIVE one signs members in."""

        DRAFT = "DRAFT"
        ACTIVE = "ACTIVE"
        DISABLED = "DISABLED"

    sealed_title: ClassVar = "Single sign-on"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    protocol = models.CharField(max_length=6, choices=Protocol.choices)
    name = models.CharField(max_length=80)
    state = models.CharField(max_length=8, choices=State.choices, default=State.DRAFT)
    config = SealedJSONField(purpose=Purpose.METADATA)
    secret = SealedTextField(purpose=Purpose.METADATA, null=True)
    groups = SealedJSONField(purpose=Purpose.METADATA)
    default_role = models.CharField(
        max_length=20, choices=[(role, role) for role in ROLES_BY_SSO], default=Role.ANALYST
    )
    joins = models.BooleanField(default=True)
    certificate_expires_at = models.DateTimeField(null=True)
    warned_at = models.DateTimeField(null=True)
    created_by_id = models.UUIDField()
    created_at = models.DateTimeField(default=now)
    changed_at = models.DateTimeField(default=now)
    tested_at = models.DateTimeField(null=True)
    tested_by_id = models.UUIDField(null=True)
    last_used_at = models.DateTimeField(null=True)

    data_classes: ClassVar = Declared(
        kept=ORGANIZATION,
        metadata="config groups",
        in_clear={"name": "Shown on the page where people sign in"},
        secrets={"secret": Held.SEALED},
        operational="kind protocol state default_role joins certificate_expires_at warned_at created_by_id created_at"
        " changed_at tested_at tested_by_id last_used_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(default_role__in=ROLES_BY_SSO), name="directory_no_owner_by_sso"),
            models.CheckConstraint(
                condition=~Q(state="ACTIVE") | Q(tested_at__isnull=False), name="directory_active_sso_was_tested"
            ),
            models.CheckConstraint(
                condition=Q(kind="workos", protocol="workos") | (~Q(kind="workos") & ~Q(protocol="workos")),
                name="directory_workos_speaks_its_own",
            ),
            models.UniqueConstraint(
                fields=["organization"], condition=Q(state="ACTIVE"), name="directory_one_active_sso"
            ),
        ]
