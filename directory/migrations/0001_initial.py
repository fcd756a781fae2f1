"""Domains and connections to identity providers, and how they are found before an organization is known."""

import django.db.models.deletion
import django.db.models.functions.text
import hq.authz.roles
import hq.db.fields
import hq.lib.clock
import hq.lib.ids
from django.db import migrations, models

from hq.db.operations import LookupAccess, LookupFunction, TenantTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0003_access"),
    ]

    operations = [
        migrations.CreateModel(
            name="Domain",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=253)),
                ("challenge", models.CharField(max_length=64)),
                ("created_by_id", models.UUIDField()),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("checked_at", models.DateTimeField(null=True)),
                ("verified_at", models.DateTimeField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "name"), name="directory_domain_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("verified_at__isnull", False)),
                        fields=("name",),
                        name="directory_domain_verified_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("name", django.db.models.functions.text.Lower("name")),
                            models.Q(("name", ""), _negated=True),
                        ),
                        name="directory_domain_in_lower_case",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SsoConnection",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("okta", "Okta"),
                            ("entra", "Microsoft Entra ID"),
                            ("google", "Google Workspace"),
                            ("onelogin", "OneLogin"),
                            ("pingfederate", "PingFederate"),
                            ("workos", "WorkOS"),
                            ("other", "Another provider"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "protocol",
                    models.CharField(
                        choices=[("saml", "SAML 2.0"), ("oidc", "OpenID Connect"), ("workos", "WorkOS")], max_length=6
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                (
                    "state",
                    models.CharField(
                        choices=[("DRAFT", "Draft"), ("ACTIVE", "Active"), ("DISABLED", "Disabled")],
                        default="DRAFT",
                        max_length=8,
                    ),
                ),
                ("config", hq.db.fields.SealedJSONField(purpose="metadata")),
                ("secret", hq.db.fields.SealedTextField(null=True, purpose="metadata")),
                ("groups", hq.db.fields.SealedJSONField(purpose="metadata")),
                (
                    "default_role",
                    models.CharField(
                        choices=[
                            ("admin", "admin"),
                            ("analyst", "analyst"),
                            ("auditor", "auditor"),
                            ("developer", "developer"),
                        ],
                        default=hq.authz.roles.Role["ANALYST"],
                        max_length=20,
                    ),
                ),
                ("joins", models.BooleanField(default=True)),
                ("certificate_expires_at", models.DateTimeField(null=True)),
                ("warned_at", models.DateTimeField(null=True)),
                ("created_by_id", models.UUIDField()),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("changed_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("tested_at", models.DateTimeField(null=True)),
                ("tested_by_id", models.UUIDField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("default_role__in", ["admin", "analyst", "auditor", "developer"])),
                        name="directory_no_owner_by_sso",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "ACTIVE"), _negated=True), ("tested_at__isnull", False), _connector="OR"
                        ),
                        name="directory_active_sso_was_tested",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "workos"), ("protocol", "workos")),
                            models.Q(
                                models.Q(("kind", "workos"), _negated=True),
                                models.Q(("protocol", "workos"), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="directory_workos_speaks_its_own",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "ACTIVE")),
                        fields=("organization",),
                        name="directory_one_active_sso",
                    ),
                ],
            },
        ),
        TenantTable(table="directory_domain"),
        TenantTable(table="directory_ssoconnection"),
        LookupAccess(table="directory_domain"),
        LookupAccess(table="directory_ssoconnection"),
        # The organization that has shown a domain to be its own, and how its people sign in (NULL: not by SSO).
        LookupFunction(
            name="directory_find_domain",
            arguments="domain text",
            returns="TABLE (organization_id uuid, connection_id uuid)",
            body="""
                SELECT d.organization_id, c.id FROM public.directory_domain d
                LEFT JOIN public.directory_ssoconnection c ON c.organization_id = d.organization_id AND c.state = 'ACTIVE'
                WHERE d.name = domain AND d.verified_at IS NOT NULL
            """,
        ),
        LookupFunction(
            name="directory_find_connection",
            arguments="connection uuid",
            returns="TABLE (organization_id uuid, protocol text, state text)",
            body="""
                SELECT c.organization_id, c.protocol::text, c.state::text
                FROM public.directory_ssoconnection c WHERE c.id = connection
            """,
        ),
    ]
