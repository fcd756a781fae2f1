"""Streams of the trail, how far each is, and what it sent last."""

import django.db.models.deletion
import hq.db.fields
import hq.db.models
import hq.lib.clock
import hq.lib.ids
from django.db import migrations, models

from hq.db.operations import CompositeKey, LookupAccess, LookupFunction, TenantTable

# Those with entries past their position whose time has come. The length of one log is kept in another place than that
# of the other.
DUE = """
    SELECT DISTINCT s.organization_id, s.environment_id, s.id
    FROM public.streams_stream s
    JOIN public.streams_position p ON p.organization_id = s.organization_id AND p.stream_id = s.id
    LEFT JOIN public.audit_chainhead h ON p.log = 'admin'
        AND h.organization_id = s.organization_id AND h.environment_id = s.environment_id
    LEFT JOIN public.audit_loghead t ON p.log = 'access' AND t.log = 'access'
        AND t.organization_id = s.organization_id AND t.environment_id = s.environment_id
    WHERE s.state = 'ACTIVE' AND (s.next_at IS NULL OR s.next_at <= due_at)
        AND coalesce(h.length, t.size, 0) > p.acknowledged
"""
# For live updates of pages: how long both logs of each environment are.
LENGTHS = """
    SELECT h.organization_id, h.environment_id, h.length, coalesce(t.size, 0)
    FROM public.audit_chainhead h
    LEFT JOIN public.audit_loghead t ON t.log = 'access'
        AND t.organization_id = h.organization_id AND t.environment_id = h.environment_id
    WHERE h.environment_id = ANY (environments)
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("audit", "0004_logs_and_trees"),
        ("tenants", "0005_machines"),
    ]

    operations = [
        migrations.CreateModel(
            name="Stream",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                (
                    "kind",
                    models.CharField(
                        choices=[("https", "HTTPS"), ("syslog", "Syslog over TLS"), ("s3", "S3")], max_length=6
                    ),
                ),
                ("target", hq.db.fields.SealedJSONField(purpose="metadata")),
                ("secret", hq.db.fields.SealedJSONField(purpose="metadata")),
                (
                    "state",
                    models.CharField(
                        choices=[("ACTIVE", "Active"), ("PAUSED", "Paused")], default="ACTIVE", max_length=6
                    ),
                ),
                (
                    "paused_reason",
                    models.CharField(
                        blank=True, choices=[("BY_HAND", "By Hand"), ("REFUSED", "Refused")], default="", max_length=8
                    ),
                ),
                ("paused_at", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("told_at", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("next_at", models.DateTimeField(null=True)),
                ("said", models.CharField(blank=True, default="", max_length=300)),
                ("sent_at", models.DateTimeField(null=True)),
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
            name="Position",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("log", models.CharField(max_length=10)),
                ("acknowledged", models.BigIntegerField()),
                ("upto", models.BigIntegerField(null=True)),
                ("round", models.PositiveIntegerField(default=0)),
                ("waiting_since", models.DateTimeField(null=True)),
                ("moved_at", models.DateTimeField(default=hq.lib.clock.now)),
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
                    "stream",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="positions",
                        to="streams.stream",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("log", models.CharField(blank=True, max_length=10)),
                ("first", models.BigIntegerField(default=0)),
                ("last", models.BigIntegerField(default=0)),
                ("at", models.DateTimeField(default=hq.lib.clock.now)),
                ("arrived", models.BooleanField()),
                ("said", models.CharField(blank=True, max_length=300)),
                ("milliseconds", models.PositiveIntegerField()),
                ("size", models.BigIntegerField(default=0)),
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
                    "stream",
                    hq.db.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="batches",
                        to="streams.stream",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="stream",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="streams_stream_has_a_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="stream",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("paused_at", None), ("paused_reason", ""), ("state", "ACTIVE")),
                    models.Q(
                        ("paused_at__isnull", False),
                        ("state", "PAUSED"),
                        models.Q(("paused_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="streams_paused_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.UniqueConstraint(
                fields=("organization", "stream", "log"), name="streams_one_position_a_log"
            ),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.CheckConstraint(
                condition=models.Q(("acknowledged__gte", 0)), name="streams_positions_begin_at_nothing"
            ),
        ),
        migrations.AddConstraint(
            model_name="position",
            constraint=models.CheckConstraint(
                condition=models.Q(("upto", None), ("upto__gt", models.F("acknowledged")), _connector="OR"),
                name="streams_batches_lie_ahead",
            ),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(fields=["organization", "stream", "-id"], name="streams_newest_batches"),
        ),
        TenantTable(table="streams_stream"),
        TenantTable(table="streams_position"),
        TenantTable(table="streams_batch"),
        CompositeKey(table="streams_stream", column="environment_id", to="tenants_environment", on_delete="CASCADE"),
        CompositeKey(table="streams_position", column="stream_id", to="streams_stream", on_delete="CASCADE"),
        CompositeKey(table="streams_batch", column="stream_id", to="streams_stream", on_delete="CASCADE"),
        LookupAccess(table="streams_stream", privileges="SELECT (organization_id, environment_id, id, state, next_at)"),
        LookupAccess(table="streams_position", privileges="SELECT (organization_id, stream_id, log, acknowledged)"),
        LookupFunction(
            name="streams_find_due",
            arguments="due_at timestamptz",
            returns="TABLE (organization_id uuid, environment_id uuid, id uuid)",
            body=DUE,
        ),
        LookupFunction(
            name="streams_lengths",
            arguments="environments uuid[]",
            returns="TABLE (organization_id uuid, environment_id uuid, admin bigint, access bigint)",
            body=LENGTHS,
        ),
    ]
