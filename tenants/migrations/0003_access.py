"""Groups, service accounts, access rules, support access, and what an organization asks of its people."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
import hq.db.fields
import hq.db.models
import hq.lib.clock
import hq.lib.ids
import tenants.models.organizations
from django.conf import settings
from django.db import migrations, models

from hq.db.operations import CompositeKey, LookupAccess, LookupFunction, TenantTable

POLICY = (
    "mfa_required boolean, mfa_factors text[], mfa_by_provider boolean, idle_minutes int, lifetime_minutes int,"
    " networks text[], email_domains text[], sso_required boolean, break_glass_id uuid, reach text"
)
PLACE = (
    "organization_id uuid, name text, slug text, state text, role text, membership_id uuid, live_id uuid, test_id uuid, "
    + POLICY
)
PLACES = """
    SELECT o.id, o.name::text, o.slug::text, o.state::text, m.role::text, m.id, live.id, test.id,
           o.mfa_required, o.mfa_factors::text[], o.mfa_by_provider, o.idle_minutes, o.lifetime_minutes,
           o.networks::text[], o.email_domains::text[], o.sso_required, o.break_glass_id, o.reach::text{more}
    FROM {rows}
    JOIN public.tenants_environment live ON live.organization_id = o.id AND live.name = 'live'
    JOIN public.tenants_environment test ON test.organization_id = o.id AND test.name = 'test'
"""
MEMBERS = PLACES.format(
    more="",
    rows="public.tenants_membership m JOIN public.tenants_organization o ON o.id = m.organization_id",
)
# As whom an operator sees the pages: a member, or nobody (NULL), as support.
SUPPORT = PLACES.format(
    more=", r.id, r.writes, r.ends_at, r.subject_id",
    rows="""public.tenants_accessrequest r
    JOIN public.tenants_organization o ON o.id = r.organization_id
    JOIN public.tenants_user u ON u.id = r.operator_id AND u.is_operator AND u.is_active
    LEFT JOIN public.tenants_membership m ON m.organization_id = r.organization_id AND m.id = r.subject_id""",
)
USERS = "GRANT SELECT (id, is_active, is_operator) ON public.tenants_user TO hq_lookup"


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0002_sealed_factors"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccessRequest",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("operator_label", hq.db.fields.SealedTextField(purpose="metadata")),
                ("reason", hq.db.fields.SealedTextField(purpose="metadata")),
                ("minutes", models.PositiveSmallIntegerField()),
                ("writes", models.BooleanField(default=False)),
                ("subject_id", models.UUIDField(null=True)),
                ("requested_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("answer_before", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by_id", models.UUIDField(null=True)),
                ("decided_by_label", hq.db.fields.SealedTextField(null=True, purpose="metadata")),
                ("approved", models.BooleanField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("ends_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="AclEntry",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("prefix", models.CharField(db_collation="C", max_length=1024)),
                ("level", models.PositiveSmallIntegerField(choices=[(1, "READ"), (2, "WRITE"), (3, "ADMIN")])),
                ("created_by_id", models.UUIDField()),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
            ],
        ),
        migrations.CreateModel(
            name="Group",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                (
                    "source",
                    models.CharField(
                        choices=[("here", "Here"), ("directory", "Directory")], default="here", max_length=9
                    ),
                ),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
            ],
        ),
        migrations.CreateModel(
            name="GroupMember",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("added_at", models.DateTimeField(default=hq.lib.clock.now)),
            ],
        ),
        migrations.CreateModel(
            name="ServiceAccount",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("created_by_id", models.UUIDField()),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="organization",
            name="break_glass_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="organization",
            name="email_domains",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=253), default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="organization",
            name="idle_minutes",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="organization",
            name="lifetime_minutes",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="organization",
            name="mfa_by_provider",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="organization",
            name="mfa_factors",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=10), default=tenants.models.organizations.every_factor, size=None
            ),
        ),
        migrations.AddField(
            model_name="organization",
            name="mfa_required",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="organization",
            name="networks",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=43), default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="organization",
            name="reach",
            field=models.CharField(choices=[("roles", "Roles"), ("rules", "Rules")], default="roles", max_length=5),
        ),
        migrations.AddField(
            model_name="organization",
            name="sso_required",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="organization",
            name="support_by",
            field=models.CharField(
                choices=[("organization", "Organization"), ("operators", "Operators")],
                default="organization",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="organization",
            name="state",
            field=models.CharField(
                choices=[
                    ("PROVISIONING", "Provisioning"),
                    ("READY", "Ready"),
                    ("SUSPENDED", "Suspended"),
                    ("CLOSED", "Closed"),
                ],
                default="PROVISIONING",
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="organization",
            constraint=models.CheckConstraint(
                condition=models.Q(("sso_required", False), ("break_glass_id__isnull", False), _connector="OR"),
                name="tenants_required_sso_has_a_way_around",
            ),
        ),
        migrations.AddConstraint(
            model_name="organization",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("mfa_required", False), models.Q(("mfa_factors", []), _negated=True), _connector="OR"
                ),
                name="tenants_required_factor_exists",
            ),
        ),
        migrations.AddField(
            model_name="accessrequest",
            name="operator",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="accessrequest",
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
            model_name="aclentry",
            name="environment",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.environment",
            ),
        ),
        migrations.AddField(
            model_name="aclentry",
            name="membership",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.membership",
            ),
        ),
        migrations.AddField(
            model_name="aclentry",
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
            model_name="group",
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
            model_name="aclentry",
            name="group",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.group",
            ),
        ),
        migrations.AddField(
            model_name="groupmember",
            name="group",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="members",
                to="tenants.group",
            ),
        ),
        migrations.AddField(
            model_name="groupmember",
            name="membership",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.membership",
            ),
        ),
        migrations.AddField(
            model_name="groupmember",
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
            model_name="serviceaccount",
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
            model_name="aclentry",
            name="service_account",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.serviceaccount",
            ),
        ),
        migrations.AddField(
            model_name="aclentry",
            name="principal_id",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.comparison.Coalesce(
                    "membership_id", "group_id", "service_account_id"
                ),
                output_field=models.UUIDField(),
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="service_account",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.serviceaccount",
            ),
        ),
        migrations.AddConstraint(
            model_name="accessrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("approved", None), ("decided_at", None), ("decided_by_id", None)),
                    models.Q(
                        ("approved__isnull", False), ("decided_at__isnull", False), ("decided_by_id__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="tenants_access_decided_as_a_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="accessrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by_id", None),
                    models.Q(("decided_by_id", models.F("operator_id")), _negated=True),
                    _connector="OR",
                ),
                name="tenants_access_decided_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="accessrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ends_at", None), ("started_at", None)),
                    models.Q(("approved", True), ("ends_at__isnull", False), ("started_at__isnull", False)),
                    _connector="OR",
                ),
                name="tenants_access_starts_when_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="accessrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("minutes__gte", 15), ("minutes__lte", 480)), name="tenants_access_is_short"
            ),
        ),
        migrations.AddConstraint(
            model_name="group",
            constraint=models.UniqueConstraint(
                models.F("organization"), django.db.models.functions.text.Lower("name"), name="tenants_group_name_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="group",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="tenants_group_has_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="groupmember",
            constraint=models.UniqueConstraint(
                fields=("organization", "group", "membership"), name="tenants_in_a_group_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="serviceaccount",
            constraint=models.UniqueConstraint(
                models.F("organization"),
                django.db.models.functions.text.Lower("name"),
                condition=models.Q(("ended_at", None)),
                name="tenants_service_account_name_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="serviceaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="tenants_service_account_has_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="aclentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("group__isnull", True), ("membership__isnull", False), ("service_account__isnull", True)),
                    models.Q(("group__isnull", False), ("membership__isnull", True), ("service_account__isnull", True)),
                    models.Q(("group__isnull", True), ("membership__isnull", True), ("service_account__isnull", False)),
                    _connector="OR",
                ),
                name="tenants_access_rule_names_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="aclentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("level__in", [1, 2, 3])), name="tenants_access_rule_has_a_level"
            ),
        ),
        migrations.AddConstraint(
            model_name="aclentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("prefix", ""), ("prefix__endswith", "/"), _connector="OR"),
                name="tenants_access_rule_ends_at_a_folder",
            ),
        ),
        migrations.AddConstraint(
            model_name="aclentry",
            constraint=models.UniqueConstraint(
                fields=("organization", "environment", "principal_id", "prefix"), name="tenants_access_rule_once"
            ),
        ),
        TenantTable(table="tenants_group"),
        TenantTable(table="tenants_groupmember"),
        TenantTable(table="tenants_serviceaccount"),
        TenantTable(table="tenants_aclentry"),
        TenantTable(table="tenants_accessrequest", grants="SELECT, INSERT, UPDATE"),
        CompositeKey(table="tenants_groupmember", column="group_id", to="tenants_group", on_delete="CASCADE"),
        CompositeKey(table="tenants_groupmember", column="membership_id", to="tenants_membership", on_delete="CASCADE"),
        CompositeKey(table="tenants_aclentry", column="environment_id", to="tenants_environment", on_delete="CASCADE"),
        CompositeKey(table="tenants_aclentry", column="membership_id", to="tenants_membership", on_delete="CASCADE"),
        CompositeKey(table="tenants_aclentry", column="group_id", to="tenants_group", on_delete="CASCADE"),
        CompositeKey(
            table="tenants_aclentry", column="service_account_id", to="tenants_serviceaccount", on_delete="CASCADE"
        ),
        CompositeKey(
            table="tenants_apikey", column="service_account_id", to="tenants_serviceaccount", on_delete="CASCADE"
        ),
        LookupAccess(table="tenants_serviceaccount"),
        LookupAccess(table="tenants_accessrequest"),
        migrations.RunSQL(USERS, USERS.replace("GRANT", "REVOKE").replace("TO hq_lookup", "FROM hq_lookup")),
        # Beside the functions of 0001, so that code from before this migration goes on.
        LookupFunction(
            name="tenants_find_place",
            arguments="person uuid, address text",
            returns=f"TABLE ({PLACE})",
            body=f"{MEMBERS} WHERE m.user_id = person AND o.slug = address",
        ),
        LookupFunction(
            name="tenants_list_places",
            arguments="person uuid",
            returns=f"TABLE ({PLACE})",
            body=f"{MEMBERS} WHERE m.user_id = person ORDER BY o.name, o.id",
        ),
        LookupFunction(
            name="tenants_find_support",
            arguments="person uuid, request uuid",
            returns=f"TABLE ({PLACE}, request_id uuid, writes boolean, ends_at timestamptz, subject_id uuid)",
            body=f"""{SUPPORT} WHERE r.id = request AND r.operator_id = person AND r.approved
                AND r.started_at IS NOT NULL AND r.ended_at IS NULL AND r.ends_at > now()
                AND (r.subject_id IS NULL OR m.id IS NOT NULL)""",
        ),
        # Support requests of every organization, newest first: ids and times, nothing sealed.
        LookupFunction(
            name="tenants_list_support",
            arguments="before uuid, most int",
            returns="TABLE (request_id uuid, organization_id uuid, name text, slug text, support_by text)",
            body="""
                SELECT r.id, o.id, o.name::text, o.slug::text, o.support_by::text
                FROM public.tenants_accessrequest r JOIN public.tenants_organization o ON o.id = r.organization_id
                WHERE before IS NULL OR r.id < before ORDER BY r.id DESC LIMIT most
            """,
        ),
        # An API key by its look-up value, with what whoever it stands on may do today (NULL: they have left).
        LookupFunction(
            name="tenants_find_key",
            arguments="value bytea",
            returns="TABLE (key_id uuid, organization_id uuid, state text, reach text, environment_id uuid, live_id uuid,"
            " name text, hash text, scopes text[], created_by_id uuid, service_account_id uuid, membership_id uuid,"
            " expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz, role text)",
            body="""
                SELECT k.id, k.organization_id, o.state::text, o.reach::text, k.environment_id, live.id,
                       k.name::text, k.hash::text, k.scopes::text[], k.created_by_id, k.service_account_id, m.id,
                       k.expires_at, k.revoked_at, k.last_used_at,
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
                WHERE k.lookup = value
            """,
        ),
    ]
