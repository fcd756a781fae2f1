"""Directory sync: its tokens, what it says of people and groups, and what it did lately."""

import django.contrib.postgres.fields
import django.db.models.deletion
import hq.db.fields
import hq.db.models
import hq.lib.clock
import hq.lib.ids
from django.conf import settings
from django.db import migrations, models

from hq.db.operations import CompositeKey, LookupAccess, LookupFunction, TenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0001_initial"),
        ("tenants", "0003_access"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ScimGroup",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("name_index", models.BinaryField()),
                ("external_id", hq.db.fields.SealedTextField(null=True, purpose="metadata")),
                ("external_id_index", models.BinaryField(null=True)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("modified_at", models.DateTimeField(default=hq.lib.clock.now)),
                (
                    "group",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.group",
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
            ],
        ),
        migrations.CreateModel(
            name="ScimOperation",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("at", models.DateTimeField(default=hq.lib.clock.now)),
                ("token_id", models.UUIDField()),
                ("method", models.CharField(max_length=10)),
                ("resource", models.CharField(max_length=40)),
                ("target_id", models.UUIDField(null=True)),
                ("status", models.PositiveSmallIntegerField()),
                ("detail", hq.db.fields.SealedTextField(purpose="metadata")),
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
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ScimToken",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("slot", models.PositiveSmallIntegerField()),
                ("token_digest", models.BinaryField(unique=True)),
                ("hint", models.CharField(max_length=4)),
                ("created_by_id", models.UUIDField()),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
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
        ),
        migrations.CreateModel(
            name="ScimUser",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("user_name", hq.db.fields.SealedTextField(purpose="metadata")),
                ("user_name_index", models.BinaryField()),
                ("external_id", hq.db.fields.SealedTextField(null=True, purpose="metadata")),
                ("external_id_index", models.BinaryField(null=True)),
                ("address", hq.db.fields.SealedTextField(purpose="metadata")),
                (
                    "emails_index",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BinaryField(), default=list, size=None),
                ),
                ("attributes", hq.db.fields.SealedJSONField(purpose="metadata")),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("modified_at", models.DateTimeField(default=hq.lib.clock.now)),
                (
                    "membership",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.membership",
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
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ScimGroupMember",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                (
                    "group",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="members",
                        to="directory.scimgroup",
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
                    "user",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="places",
                        to="directory.scimuser",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="scimgroup",
            index=models.Index(fields=["organization", "external_id_index"], name="directory_group_by_external_id"),
        ),
        migrations.AddIndex(
            model_name="scimgroup",
            index=models.Index(fields=["organization", "name_index"], name="directory_group_by_name"),
        ),
        migrations.AddConstraint(
            model_name="scimgroup",
            constraint=models.UniqueConstraint(fields=("organization", "group"), name="directory_group_once"),
        ),
        migrations.AddConstraint(
            model_name="scimtoken",
            constraint=models.CheckConstraint(
                condition=models.Q(("slot__in", [1, 2])), name="directory_token_has_one_of_two_places"
            ),
        ),
        migrations.AddConstraint(
            model_name="scimtoken",
            constraint=models.UniqueConstraint(
                condition=models.Q(("revoked_at", None)),
                fields=("organization", "slot"),
                name="directory_two_live_tokens_at_most",
            ),
        ),
        migrations.AddIndex(
            model_name="scimuser",
            index=models.Index(fields=["organization", "external_id_index"], name="directory_user_by_external_id"),
        ),
        migrations.AddIndex(
            model_name="scimuser",
            index=models.Index(fields=["organization", "modified_at"], name="directory_user_by_change"),
        ),
        migrations.AddConstraint(
            model_name="scimuser",
            constraint=models.UniqueConstraint(
                fields=("organization", "user_name_index"), name="directory_user_name_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="scimuser",
            constraint=models.UniqueConstraint(
                condition=models.Q(("person__isnull", False)),
                fields=("organization", "person"),
                name="directory_person_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="scimuser",
            constraint=models.CheckConstraint(
                condition=models.Q(("membership__isnull", True), ("person__isnull", False), _connector="OR"),
                name="directory_member_is_a_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="scimgroupmember",
            constraint=models.UniqueConstraint(
                fields=("organization", "group", "user"), name="directory_in_a_group_once"
            ),
        ),
        # A token is made and ended; what it is kept as does not change.
        TenantTable(table="directory_scimtoken", grants="SELECT, INSERT, UPDATE (last_used_at, revoked_at)"),
        TenantTable(table="directory_scimuser"),
        TenantTable(table="directory_scimgroup"),
        TenantTable(table="directory_scimgroupmember", grants="SELECT, INSERT, DELETE"),
        # What happened is added, read and forgotten; `detail` is written again only to be sealed again.
        TenantTable(table="directory_scimoperation", grants="SELECT, INSERT, DELETE, UPDATE (detail)"),
        CompositeKey(table="directory_scimuser", column="membership_id", to="tenants_membership", on_delete="SET NULL"),
        CompositeKey(table="directory_scimgroup", column="group_id", to="tenants_group", on_delete="CASCADE"),
        CompositeKey(
            table="directory_scimgroupmember", column="group_id", to="directory_scimgroup", on_delete="CASCADE"
        ),
        CompositeKey(table="directory_scimgroupmember", column="user_id", to="directory_scimuser", on_delete="CASCADE"),
        LookupAccess(table="directory_scimtoken"),
        LookupAccess(table="directory_scimoperation"),
        # Whose directory asks. A token that was revoked, or of an organization that is shut, is nobody's.
        LookupFunction(
            name="directory_find_token",
            arguments="digest bytea",
            returns="TABLE (token_id uuid, organization_id uuid, live_id uuid, last_used_at timestamptz)",
            body="""
                SELECT t.id, t.organization_id, live.id, t.last_used_at
                FROM public.directory_scimtoken t
                JOIN public.tenants_organization o ON o.id = t.organization_id AND o.state = 'READY'
                JOIN public.tenants_environment live ON live.organization_id = o.id AND live.name = 'live'
                WHERE t.token_digest = digest AND t.revoked_at IS NULL
            """,
        ),
        LookupFunction(
            name="directory_find_forgettable",
            arguments="happened_before timestamptz, most int",
            returns="TABLE (organization_id uuid)",
            body="""
                SELECT p.organization_id FROM public.directory_scimoperation p
                GROUP BY p.organization_id HAVING min(p.at) < happened_before OR count(*) > most
            """,
        ),
    ]
