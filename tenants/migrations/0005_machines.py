"""API keys that rotate, know their networks and are counted; answers that can be repeated."""

import django.contrib.postgres.fields
import django.db.models.deletion
import hq.db.fields
import hq.db.models
import hq.lib.clock
import hq.lib.ids
from django.db import migrations, models

from hq.db.operations import CompositeKey, LookupAccess, LookupFunction, TenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0004_operators"),
    ]

    operations = [
        migrations.CreateModel(
            name="Answer",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("principal_kind", models.CharField(max_length=20)),
                ("principal_id", models.UUIDField()),
                ("key_digest", models.BinaryField()),
                ("request_digest", models.BinaryField()),
                ("status", models.PositiveSmallIntegerField()),
                ("headers", models.JSONField(default=dict)),
                ("body", hq.db.fields.SealedTextField(purpose="metadata")),
                ("at", models.DateTimeField(default=hq.lib.clock.now)),
            ],
        ),
        migrations.CreateModel(
            name="ApiKeyDay",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("on", models.DateField()),
                ("requests", models.PositiveBigIntegerField(default=0)),
                ("refused", models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="ApiKeyNetwork",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("network", models.CharField(max_length=43)),
                ("first_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("last_at", models.DateTimeField(default=hq.lib.clock.now)),
            ],
        ),
        migrations.AddField(
            model_name="apikey",
            name="aged_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="apikey",
            name="last_used_agent",
            field=hq.db.fields.SealedTextField(null=True, purpose="metadata"),
        ),
        migrations.AddField(
            model_name="apikey",
            name="made_by_key",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="tenants.apikey",
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="networks",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=43), default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="replaced_by",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="tenants.apikey",
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="warned_days",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("replaced_by", None), ("expires_at__isnull", False), _connector="OR"),
                name="tenants_replaced_api_key_ends",
            ),
        ),
        migrations.AddField(
            model_name="answer",
            name="organization",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="apikeyday",
            name="key",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="days",
                to="tenants.apikey",
            ),
        ),
        migrations.AddField(
            model_name="apikeyday",
            name="organization",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="apikeynetwork",
            name="key",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="seen_from",
                to="tenants.apikey",
            ),
        ),
        migrations.AddField(
            model_name="apikeynetwork",
            name="organization",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.organization",
            ),
        ),
        migrations.AddIndex(
            model_name="answer",
            index=models.Index(fields=["organization", "at"], name="tenants_answer_by_age"),
        ),
        migrations.AddConstraint(
            model_name="answer",
            constraint=models.UniqueConstraint(
                fields=("organization", "principal_kind", "principal_id", "key_digest"), name="tenants_answered_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="apikeyday",
            constraint=models.UniqueConstraint(
                fields=("organization", "key", "on"), name="tenants_api_key_has_a_day_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="apikeynetwork",
            constraint=models.UniqueConstraint(
                fields=("organization", "key", "network"), name="tenants_api_key_has_a_network_once"
            ),
        ),
        TenantTable(table="tenants_answer"),
        TenantTable(table="tenants_apikeyday"),
        TenantTable(table="tenants_apikeynetwork"),
        CompositeKey(table="tenants_apikey", column="made_by_key_id", to="tenants_apikey", on_delete="SET NULL"),
        CompositeKey(table="tenants_apikey", column="replaced_by_id", to="tenants_apikey", on_delete="SET NULL"),
        CompositeKey(table="tenants_apikeyday", column="key_id", to="tenants_apikey", on_delete="CASCADE"),
        CompositeKey(table="tenants_apikeynetwork", column="key_id", to="tenants_apikey", on_delete="CASCADE"),
        # Code from before this migration does not write it.
        migrations.RunSQL(
            "ALTER TABLE tenants_apikey ALTER COLUMN networks SET DEFAULT '{}'",
            "ALTER TABLE tenants_apikey ALTER COLUMN networks DROP DEFAULT",
        ),
        # As tenants_find_key, which code from before this migration still calls, with the networks and the next key.
        # In PL/pgSQL, which keeps the plan for a connection; SQL plans anew at each call, three times the work itself.
        LookupFunction(
            name="tenants_recognise_key",
            arguments="value bytea",
            returns="TABLE (key_id uuid, organization_id uuid, state text, reach text, environment_id uuid, live_id uuid,"
            " name text, hash text, scopes text[], networks text[], created_by_id uuid, service_account_id uuid,"
            " membership_id uuid, replaced_by_id uuid, expires_at timestamptz, revoked_at timestamptz,"
            " last_used_at timestamptz, role text)",
            language="plpgsql",
            body="""BEGIN RETURN QUERY
                SELECT k.id, k.organization_id, o.state::text, o.reach::text, k.environment_id, live.id,
                       k.name::text, k.hash::text, k.scopes::text[], k.networks::text[], k.created_by_id,
                       k.service_account_id, m.id, k.replaced_by_id, k.expires_at, k.revoked_at, k.last_used_at,
                       CASE WHEN k.service_account_id IS NULL THEN m.role::text
                            WHEN s.ended_at IS NULL THEN 'service_account' END
                FROM public.tenants_apikey k
                JOIN public.tenants_organization o ON o.id = k.organization_id
                JOIN public.tenants_environment live ON live.organization_id = k.organization_id AND live.name = 'live'
                LEFT JOIN public.tenants_serviceaccount s
                    ON s.organization_id = k.organization_id AND s.id = k.service_account_id
                LEFT JOIN public.tenants_user u ON u.id = k.created_by_id AND u.is_active
                LEFT JOIN public.tenants_membership m
                    ON m.organization_id = k.organization_id AND m.user_id = u.id AND k.service_account_id IS NULL
                WHERE k.lookup = value;
            END""",
        ),
        # Organizations with a key whose people are to be told: 30, 7 or 1 days before its end, or of its age in years.
        LookupFunction(
            name="tenants_find_keys_to_tell_of",
            arguments="at timestamptz",
            returns="TABLE (organization_id uuid)",
            body="""
                SELECT DISTINCT k.organization_id FROM public.tenants_apikey k
                WHERE k.revoked_at IS NULL AND k.replaced_by_id IS NULL
                  AND (k.expires_at IS NULL OR k.expires_at > at)
                  AND (coalesce(k.aged_at, k.created_at) <= at - interval '365 days'
                       OR (k.expires_at <= at + interval '30 days' AND coalesce(k.warned_days, 99) > CASE
                           WHEN k.expires_at <= at + interval '1 day' THEN 1
                           WHEN k.expires_at <= at + interval '7 days' THEN 7 ELSE 30 END))
            """,
        ),
        # Organizations with answers that nobody repeats any more, or with days of keys that are long past.
        LookupFunction(
            name="tenants_find_old_answers",
            arguments="answered_before timestamptz, used_before date",
            returns="TABLE (organization_id uuid)",
            body="""
                SELECT a.organization_id FROM public.tenants_answer a WHERE a.at < answered_before
                UNION SELECT d.organization_id FROM public.tenants_apikeyday d WHERE d.on < used_before
            """,
        ),
        LookupAccess(table="tenants_answer"),
        LookupAccess(table="tenants_apikeyday"),
    ]
