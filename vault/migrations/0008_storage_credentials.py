"""Storage credentials, and how they are found before an organization is known."""

import datetime
import django.db.models.deletion
import django.db.models.expressions
import hq.db.fields
import hq.db.models
import hq.lib.clock
import hq.lib.ids
from django.db import migrations, models

from hq.db.operations import CompositeKey, LookupAccess, LookupFunction, TenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0005_machines"),
        ("vault", "0007_isolation_of_uploads"),
    ]

    operations = [
        migrations.CreateModel(
            name="StorageCredential",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("access_key", models.CharField(max_length=24, unique=True)),
                ("secret", hq.db.fields.SealedTextField(purpose="metadata")),
                ("token_digest", models.BinaryField()),
                ("paths", hq.db.fields.SealedJSONField(purpose="metadata")),
                ("permission", models.CharField(choices=[("read", "Read"), ("write", "Write")], max_length=5)),
                ("issued_to_kind", models.CharField(max_length=20)),
                ("issued_to_id", models.UUIDField()),
                ("label", hq.db.fields.SealedTextField(purpose="metadata")),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("expires_at", models.DateTimeField()),
                ("last_used_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "api_key",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.apikey",
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
                    "service_account",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.serviceaccount",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organization", "environment", "-id"], name="vault_newest_credentials"),
                    models.Index(fields=["organization", "expires_at"], name="vault_credential_by_end"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("membership__isnull", False), ("service_account__isnull", True)),
                            models.Q(("membership__isnull", True), ("service_account__isnull", False)),
                            _connector="OR",
                        ),
                        name="vault_credential_stands_on_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("api_key__isnull", True),
                                ("issued_to_kind", "person"),
                                ("service_account__isnull", True),
                            ),
                            models.Q(("api_key__isnull", False), ("issued_to_kind", "api_key")),
                            models.Q(
                                ("api_key__isnull", True), ("issued_to_kind", "workload"), ("membership__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="vault_credential_is_issued_to_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "expires_at__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("created_at"), "+", models.Value(datetime.timedelta(seconds=43200))
                                ),
                            )
                        ),
                        name="vault_credential_is_short",
                    ),
                ],
            },
        ),
        TenantTable(
            table="vault_storagecredential",
            # What is sealed may be sealed again under a newer key; nothing else of what was given changes.
            grants="SELECT, INSERT, DELETE, UPDATE (last_used_at, revoked_at, secret, paths, label)",
        ),
        CompositeKey(
            table="vault_storagecredential", column="environment_id", to="tenants_environment", on_delete="CASCADE"
        ),
        # What they stand on takes them along: a member who is removed, above all.
        CompositeKey(
            table="vault_storagecredential", column="membership_id", to="tenants_membership", on_delete="CASCADE"
        ),
        CompositeKey(
            table="vault_storagecredential",
            column="service_account_id",
            to="tenants_serviceaccount",
            on_delete="CASCADE",
        ),
        CompositeKey(table="vault_storagecredential", column="api_key_id", to="tenants_apikey", on_delete="CASCADE"),
        LookupAccess(
            table="vault_storagecredential", privileges="SELECT (organization_id, id, access_key, expires_at)"
        ),
        LookupFunction(
            name="vault_find_credential",
            arguments="wanted text",
            returns="TABLE (organization_id uuid, credential_id uuid)",
            body="SELECT c.organization_id, c.id FROM public.vault_storagecredential c WHERE c.access_key = wanted",
        ),
        LookupFunction(
            name="vault_find_old_credentials",
            arguments="expired_before timestamptz",
            returns="TABLE (organization_id uuid)",
            body="SELECT DISTINCT c.organization_id FROM public.vault_storagecredential c"
            " WHERE c.expires_at < expired_before",
        ),
    ]
