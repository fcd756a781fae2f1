"""Workloads that sign in with a token of their own platform, and how they are found before an organization is known."""

import django.contrib.postgres.fields
import django.db.models.deletion
import hq.db.fields
import hq.db.models
import hq.lib.clock
import hq.lib.ids
from django.db import migrations, models

from hq.db.operations import CompositeKey, LookupAccess, LookupFunction, TenantTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0005_machines"),
    ]

    operations = [
        migrations.CreateModel(
            name="Trust",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("aws", "AWS"),
                            ("gcp", "Google Cloud"),
                            ("azure", "Azure"),
                            ("github", "GitHub Actions"),
                            ("kubernetes", "Kubernetes"),
                            ("other", "Another issuer"),
                        ],
                        max_length=10,
                    ),
                ),
                ("conditions", hq.db.fields.SealedJSONField(purpose="metadata")),
                ("source", hq.db.fields.SealedJSONField(purpose="metadata")),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None),
                ),
                ("seconds", models.PositiveSmallIntegerField(default=900)),
                ("single_use", models.BooleanField(default=False)),
                ("created_by_id", models.UUIDField()),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("changed_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("disabled_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                (
                    "environment",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.environment",
                    ),
                ),
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
                (
                    "service_account",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.serviceaccount",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Token",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("digest", models.BinaryField(unique=True)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None),
                ),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("expires_at", models.DateTimeField()),
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
                (
                    "trust",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tokens",
                        to="workloads.trust",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Exchange",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("at", models.DateTimeField(default=hq.lib.clock.now)),
                ("given", models.BooleanField()),
                ("reason", models.CharField(blank=True, default="", max_length=60)),
                ("detail", hq.db.fields.SealedJSONField(purpose="metadata")),
                ("ip", models.GenericIPAddressField(null=True)),
                ("request_id", models.CharField(max_length=40)),
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
                (
                    "trust",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exchanges",
                        to="workloads.trust",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="UsedToken",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("digest", models.BinaryField()),
                ("expires_at", models.DateTimeField()),
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
                (
                    "trust",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workloads.trust",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="trust",
            constraint=models.CheckConstraint(
                condition=models.Q(("scopes", []), _negated=True), name="workloads_trust_has_a_scope"
            ),
        ),
        migrations.AddConstraint(
            model_name="trust",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="workloads_trust_has_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="trust",
            constraint=models.CheckConstraint(
                condition=models.Q(("seconds__gte", 60), ("seconds__lte", 900)), name="workloads_tokens_are_short"
            ),
        ),
        migrations.AddIndex(
            model_name="token",
            index=models.Index(fields=["organization", "expires_at"], name="workloads_token_by_end"),
        ),
        migrations.AddConstraint(
            model_name="token",
            constraint=models.CheckConstraint(
                condition=models.Q(("scopes", []), _negated=True), name="workloads_token_has_a_scope"
            ),
        ),
        migrations.AddIndex(
            model_name="exchange",
            index=models.Index(fields=["organization", "trust", "-id"], name="workloads_newest_exchanges"),
        ),
        migrations.AddIndex(
            model_name="exchange",
            index=models.Index(fields=["organization", "at"], name="workloads_exchange_by_age"),
        ),
        migrations.AddConstraint(
            model_name="exchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("given", True), ("reason", "")),
                    models.Q(("given", False), models.Q(("reason", ""), _negated=True)),
                    _connector="OR",
                ),
                name="workloads_refused_for_a_reason",
            ),
        ),
        migrations.AddIndex(
            model_name="usedtoken",
            index=models.Index(fields=["organization", "expires_at"], name="workloads_used_token_by_end"),
        ),
        migrations.AddConstraint(
            model_name="usedtoken",
            constraint=models.UniqueConstraint(
                fields=("organization", "trust", "digest"), name="workloads_token_used_once"
            ),
        ),
        TenantTable(table="workloads_trust"),
        TenantTable(table="workloads_token"),
        TenantTable(table="workloads_usedtoken"),
        TenantTable(table="workloads_exchange"),
        CompositeKey(table="workloads_trust", column="environment_id", to="tenants_environment", on_delete="CASCADE"),
        CompositeKey(
            table="workloads_trust", column="service_account_id", to="tenants_serviceaccount", on_delete="CASCADE"
        ),
        CompositeKey(table="workloads_token", column="trust_id", to="workloads_trust", on_delete="CASCADE"),
        CompositeKey(table="workloads_usedtoken", column="trust_id", to="workloads_trust", on_delete="CASCADE"),
        CompositeKey(table="workloads_exchange", column="trust_id", to="workloads_trust", on_delete="CASCADE"),
        LookupAccess(table="workloads_trust"),
        LookupAccess(table="workloads_token"),
        LookupAccess(table="workloads_usedtoken"),
        LookupAccess(table="workloads_exchange"),
        # Where a trust is, by its id; what it says is read in its organization.
        LookupFunction(
            name="workloads_find_trust",
            arguments="trust uuid",
            returns="TABLE (organization_id uuid, environment_id uuid, live_id uuid, state text)",
            body="""
                SELECT t.organization_id, t.environment_id, live.id, o.state::text
                FROM public.workloads_trust t
                JOIN public.tenants_organization o ON o.id = t.organization_id
                JOIN public.tenants_environment live ON live.organization_id = t.organization_id AND live.name = 'live'
                WHERE t.id = trust
            """,
        ),
        # A token by its digest, with what it stands on today.
        LookupFunction(
            name="workloads_find_token",
            arguments="value bytea",
            returns="TABLE (organization_id uuid, state text, reach text, environment_id uuid, live_id uuid,"
            " trust_id uuid, name text, scopes text[], service_account_id uuid, expires_at timestamptz,"
            " disabled_at timestamptz, ended_at timestamptz)",
            body="""
                SELECT k.organization_id, o.state::text, o.reach::text, t.environment_id, live.id, t.id, t.name::text,
                       k.scopes::text[], t.service_account_id, k.expires_at, t.disabled_at, s.ended_at
                FROM public.workloads_token k
                JOIN public.workloads_trust t ON t.organization_id = k.organization_id AND t.id = k.trust_id
                JOIN public.tenants_serviceaccount s
                    ON s.organization_id = t.organization_id AND s.id = t.service_account_id
                JOIN public.tenants_organization o ON o.id = k.organization_id
                JOIN public.tenants_environment live ON live.organization_id = k.organization_id AND live.name = 'live'
                WHERE k.digest = value
            """,
        ),
        # Organizations with tokens, marks of used ones or exchanges that are not kept any longer.
        LookupFunction(
            name="workloads_find_old",
            arguments="expired_before timestamptz, exchanged_before timestamptz",
            returns="TABLE (organization_id uuid)",
            body="""
                SELECT k.organization_id FROM public.workloads_token k WHERE k.expires_at < expired_before
                UNION SELECT u.organization_id FROM public.workloads_usedtoken u WHERE u.expires_at < expired_before
                UNION SELECT e.organization_id FROM public.workloads_exchange e WHERE e.at < exchanged_before
            """,
        ),
    ]
