"""Addresses that events are sent to, and what was sent."""

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
            name="Endpoint",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("url", hq.db.fields.SealedTextField(purpose="metadata")),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("ENABLED", "Enabled"), ("DISABLED", "Disabled")], default="ENABLED", max_length=8
                    ),
                ),
                (
                    "disabled_reason",
                    models.CharField(
                        blank=True,
                        choices=[("BY_HAND", "By Hand"), ("GONE", "Gone"), ("FAILING", "Failing")],
                        default="",
                        max_length=8,
                    ),
                ),
                ("disabled_at", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("warned_at", models.DateTimeField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("created_by_id", models.UUIDField()),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("changed_at", models.DateTimeField(default=hq.lib.clock.now)),
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
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("event_id", models.UUIDField()),
                ("tag", models.CharField(max_length=60)),
                ("body", hq.db.fields.SealedTextField(purpose="metadata")),
                ("at", models.DateTimeField(default=hq.lib.clock.now)),
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
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("tag", models.CharField(max_length=60)),
                ("at", models.DateTimeField(default=hq.lib.clock.now)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("DELIVERED", "Delivered"),
                            ("FAILED", "Failed"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        default="PENDING",
                        max_length=9,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
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
                    "endpoint",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="webhooks.endpoint",
                    ),
                ),
                (
                    "message",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="webhooks.message",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Secret",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("symmetric", hq.db.fields.SealedTextField(purpose="metadata")),
                ("private", hq.db.fields.SealedTextField(purpose="metadata")),
                ("public", models.CharField(max_length=80)),
                ("created_by_id", models.UUIDField()),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("expires_at", models.DateTimeField(null=True)),
                (
                    "endpoint",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="secrets",
                        to="webhooks.endpoint",
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
            name="Attempt",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveSmallIntegerField()),
                ("at", models.DateTimeField(default=hq.lib.clock.now)),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("fault", models.CharField(blank=True, default="", max_length=60)),
                ("milliseconds", models.PositiveIntegerField()),
                ("replay", models.BooleanField(default=False)),
                ("signed_at", models.DateTimeField()),
                ("signature", models.CharField(max_length=1000)),
                ("answer", hq.db.fields.SealedTextField(purpose="metadata")),
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
                    "delivery",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tries",
                        to="webhooks.delivery",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["organization", "at"], name="webhooks_attempts_by_time")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", None), models.Q(("fault", ""), _negated=True)),
                            models.Q(("fault", ""), ("status__isnull", False)),
                            _connector="OR",
                        ),
                        name="webhooks_attempt_answered_or_failed",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="endpoint",
            index=models.Index(
                condition=models.Q(("state", "ENABLED")),
                fields=["organization", "environment"],
                name="webhooks_enabled_endpoints",
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("events", []), _negated=True), name="webhooks_endpoint_wants_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="webhooks_endpoint_has_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("disabled_at", None), ("disabled_reason", ""), ("state", "ENABLED")),
                    models.Q(
                        ("disabled_at__isnull", False),
                        ("state", "DISABLED"),
                        models.Q(("disabled_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="webhooks_disabled_says_why",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["organization", "at"], name="webhooks_message_by_age"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["organization", "endpoint", "-id"], name="webhooks_newest_deliveries"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["organization", "endpoint", "at"], name="webhooks_delivery_by_age"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("organization", "endpoint", "message"), name="webhooks_delivered_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at", None), ("state", "PENDING")),
                    models.Q(models.Q(("state", "PENDING"), _negated=True), ("finished_at__isnull", False)),
                    _connector="OR",
                ),
                name="webhooks_finished_at_iff_finished",
            ),
        ),
        migrations.AddConstraint(
            model_name="secret",
            constraint=models.UniqueConstraint(
                condition=models.Q(("expires_at", None)),
                fields=("organization", "endpoint"),
                name="webhooks_one_current_secret",
            ),
        ),
        TenantTable(table="webhooks_endpoint"),
        TenantTable(table="webhooks_secret"),
        TenantTable(table="webhooks_message"),
        TenantTable(table="webhooks_delivery"),
        TenantTable(table="webhooks_attempt"),
        CompositeKey(table="webhooks_endpoint", column="environment_id", to="tenants_environment", on_delete="CASCADE"),
        CompositeKey(table="webhooks_secret", column="endpoint_id", to="webhooks_endpoint", on_delete="CASCADE"),
        CompositeKey(table="webhooks_message", column="environment_id", to="tenants_environment", on_delete="CASCADE"),
        CompositeKey(table="webhooks_delivery", column="endpoint_id", to="webhooks_endpoint", on_delete="CASCADE"),
        CompositeKey(table="webhooks_delivery", column="message_id", to="webhooks_message", on_delete="CASCADE"),
        CompositeKey(table="webhooks_attempt", column="delivery_id", to="webhooks_delivery", on_delete="CASCADE"),
        LookupAccess(table="webhooks_message"),
        # Organizations with messages that are not kept any longer.
        LookupFunction(
            name="webhooks_find_old_messages",
            arguments="sent_before timestamptz",
            returns="TABLE (organization_id uuid)",
            body="SELECT DISTINCT m.organization_id FROM public.webhooks_message m WHERE m.at < sent_before",
        ),
    ]
