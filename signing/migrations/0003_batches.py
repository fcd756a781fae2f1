"""Tables of people to whom one template is sent, and whose they are (ISO-1)."""

import django.db.models.deletion
import hq.db.fields
import hq.db.models
import hq.lib.clock
import hq.lib.ids
from django.db import migrations, models

from hq.db.operations import ALL, CompositeKey, TenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("signing", "0002_rules"),
        ("tenants", "0005_machines"),
    ]

    operations = [
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("name", hq.db.fields.SealedTextField(purpose="metadata")),
                ("rows", hq.db.fields.SealedJSONField(purpose="metadata")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("checked", "Checked"),
                            ("sending", "Sending"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                        ],
                        default="checked",
                        max_length=8,
                    ),
                ),
                ("total", models.PositiveIntegerField()),
                ("reached", models.PositiveIntegerField(default=0)),
                ("sent", models.PositiveIntegerField(default=0)),
                ("reason", hq.db.fields.SealedTextField(null=True, purpose="metadata")),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("ended_at", models.DateTimeField(null=True)),
                ("created_by_kind", models.CharField(max_length=20)),
                ("created_by_id", models.UUIDField()),
                ("created_by_label", hq.db.fields.SealedTextField(purpose="metadata")),
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
                    "template",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="signing.template",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["organization", "environment", "id"], name="signing_batches")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["checked", "sending", "done", "stopped"])),
                        name="signing_batch_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("reached__lte", 500), ("sent__lte", models.F("total")), ("total__lte", 500)
                        ),
                        name="signing_batch_has_bounds",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["done", "stopped"]), ("ended_at__isnull", True), _connector="XOR"
                        ),
                        name="signing_batch_ended_iff_over",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "checked"), _negated=True),
                            models.Q(("reached", 0), ("sent", 0)),
                            _connector="OR",
                        ),
                        name="signing_batch_sends_nothing_unasked",
                    ),
                ],
            },
        ),
        TenantTable(table="signing_batch", grants=ALL),
        *(
            CompositeKey(table="signing_batch", column=f"{column}_id", to=to, on_delete=rule)
            for column, to, rule in (
                ("environment", "tenants_environment", "CASCADE"),
                ("template", "signing_template", "SET NULL"),
                ("membership", "tenants_membership", "SET NULL"),
            )
        ),
    ]
