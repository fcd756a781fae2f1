"""Parts that programs send to the S3 door, and how those are found whose time is over."""

import django.db.models.deletion
import hq.db.fields
import hq.db.models
import hq.lib.clock
import hq.lib.ids
from django.db import migrations, models

from hq.db.operations import CompositeKey, LookupAccess, LookupFunction, TenantTable

TABLE = "vault_doorpart"


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0005_machines"),
        ("vault", "0009_landing"),
    ]

    operations = [
        migrations.CreateModel(
            name="DoorPart",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("credential_id", models.UUIDField()),
                ("upload", models.UUIDField()),
                ("number", models.PositiveIntegerField()),
                ("size", models.BigIntegerField()),
                ("sha256", hq.db.fields.SealedTextField(purpose="metadata")),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("expires_at", models.DateTimeField()),
                (
                    "blob",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="vault.blob",
                    ),
                ),
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
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="vault_part_by_end")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "upload", "number"), name="vault_one_part_of_a_number"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1), ("number__lte", 10000)), name="vault_part_number_is_s3s"
                    ),
                ],
            },
        ),
        # A rotation puts another file of the same bytes in the place of one, and seals the digest anew.
        TenantTable(table=TABLE, grants="SELECT, INSERT, DELETE, UPDATE (blob_id, sha256)"),
        CompositeKey(table=TABLE, column="environment_id", to="tenants_environment", on_delete="CASCADE"),
        CompositeKey(table=TABLE, column="blob_id", to="vault_blob"),
        LookupAccess(table=TABLE, privileges="SELECT (organization_id, expires_at)"),
        LookupFunction(
            name="vault_find_old_parts",
            arguments="",
            returns="TABLE (organization_id uuid)",
            body=f"SELECT DISTINCT p.organization_id FROM public.{TABLE} p WHERE p.expires_at < statement_timestamp()",
        ),
    ]
