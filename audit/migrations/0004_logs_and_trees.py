"""Two logs of an environment: requests get places in a chain of their own, and over both stands a tree.

Lines that were written before this have no commitment and begin to commit to the sealed bytes of their details instead
(audit.documents). They get their places, oldest first, as soon as the workers run.
"""

import uuid

import django.contrib.postgres.indexes
from django.db import migrations, models

import audit.models
import hq.lib.ids
from hq.crypto.chain import GENESIS
from hq.db.operations import AppendOnly, LookupAccess, LookupFunction, TenantTable

LOGS = [("admin", "admin"), ("access", "access")]
ID = ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False))
LOG = ("organization_id", models.UUIDField()), ("environment_id", models.UUIDField())

# Lines of no place, by log, where any is of a transaction that the mark says to look at; and the mark moves on. What is
# of a transaction that may still be under way is looked at again: the horizon is taken before the lines are.
WAITING = """
    DECLARE
        horizon bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
        here bigint := (SELECT system_identifier FROM pg_control_system());
        since bigint := 0;
        found record;
    BEGIN
        SELECT m.xid INTO since FROM public.audit_sweepmark m WHERE m.cluster = here FOR NO KEY UPDATE;
        since := coalesce(since, 0);
        FOR found IN
            SELECT e.organization_id AS whose, coalesce(e.environment_id, e.organization_id) AS log, min(e.xid) AS oldest
            FROM public.audit_accessentry e
            WHERE e.xid >= since AND NOT EXISTS (SELECT FROM public.audit_accesslink l WHERE l.id = e.id)
            GROUP BY 1, 2
        LOOP
            horizon := least(horizon, found.oldest);
            organization_id := found.whose;
            environment_id := found.log;
            RETURN NEXT;
        END LOOP;
        INSERT INTO public.audit_sweepmark AS m (id, organization_id, xid, cluster)
        VALUES (gen_random_uuid(), '00000000-0000-0000-0000-000000000000', horizon, here)
        ON CONFLICT ON CONSTRAINT audit_one_sweep_mark
        DO UPDATE SET xid = excluded.xid, cluster = excluded.cluster
        WHERE m.xid <> excluded.xid OR m.cluster <> excluded.cluster;
    END
"""
BEHIND = """
    SELECT h.organization_id, h.environment_id FROM public.audit_chainhead h
    LEFT JOIN public.audit_loghead t
        ON t.organization_id = h.organization_id AND t.environment_id = h.environment_id AND t.log = 'admin'
    WHERE h.length > coalesce(t.size, 0)
"""
DUE = """
    SELECT logs.organization_id, logs.environment_id, logs.log FROM (
        SELECT h.organization_id, h.environment_id, 'admin' AS log, h.length FROM public.audit_chainhead h
        UNION ALL
        SELECT t.organization_id, t.environment_id, 'access', t.size FROM public.audit_loghead t WHERE t.log = 'access'
    ) logs
    WHERE logs.length > 0 AND NOT EXISTS (
        SELECT FROM public.audit_chainverification v
        WHERE v.organization_id = logs.organization_id AND v.environment_id = logs.environment_id
            AND v.log = logs.log AND v.at >= before
    )
    LIMIT 1000
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_by_actor")]

    operations = [
        migrations.AddField("accessentry", "commitment", models.BinaryField(null=True)),
        # In two steps, as a default that differs from row to row would have every row written anew.
        migrations.AddField("accessentry", "xid", models.BigIntegerField(db_default=0)),
        migrations.AlterField("accessentry", "xid", models.BigIntegerField(db_default=audit.models.TransactionId())),
        migrations.AddConstraint(
            "accessentry",
            models.CheckConstraint(
                condition=models.Q(("commitment__isnull", True), ("commitment__length", 32), _connector="OR"),
                name="audit_commitment_is_sha256",
            ),
        ),
        migrations.AddIndex(
            "accessentry",
            models.Index(fields=["organization_id", "environment_id", "xid", "id"], name="audit_access_waiting"),
        ),
        migrations.AddIndex(
            "accessentry",
            django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=["xid"], name="audit_access_xid"),
        ),
        migrations.AddField("chainverification", "log", models.CharField(choices=LOGS, default="admin", max_length=10)),
        migrations.CreateModel(
            name="AccessLink",
            fields=[
                ID,
                *LOG,
                ("index", models.BigIntegerField()),
                ("previous", models.BinaryField()),
                ("hash", models.BinaryField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("index__gte", 1)), name="audit_link_begins_at_one"),
                    models.CheckConstraint(
                        condition=models.Q(("hash__length", 32), ("previous__length", 32)),
                        name="audit_link_hashes_are_sha256",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LogHead",
            fields=[
                ID,
                *LOG,
                ("log", models.CharField(choices=LOGS, max_length=10)),
                ("size", models.BigIntegerField(default=0)),
                ("hash", models.BinaryField(default=GENESIS)),
                ("xid", models.BigIntegerField(default=0)),
                ("entry_id", models.UUIDField(default=uuid.UUID(int=0))),
                ("cluster", models.BigIntegerField(default=0)),
                ("dropped", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "environment_id", "log"), name="audit_one_head_a_log"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Tile",
            fields=[
                ID,
                *LOG,
                ("log", models.CharField(choices=LOGS, max_length=10)),
                ("level", models.PositiveSmallIntegerField()),
                ("number", models.BigIntegerField()),
                ("hashes", models.BinaryField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "environment_id", "log", "level", "number"),
                        name="audit_one_tile_a_place",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("hashes__length__gte", 32), ("hashes__length__lte", 8192)),
                        name="audit_tiles_have_256_hashes",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SweepMark",
            fields=[
                ID,
                ("organization_id", models.UUIDField()),
                ("xid", models.BigIntegerField(default=0)),
                ("cluster", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("organization_id",), name="audit_one_sweep_mark")],
            },
        ),
        TenantTable(table="audit_accesslink", grants="SELECT, INSERT", references=False),
        AppendOnly(table="audit_accesslink"),
        TenantTable(
            table="audit_loghead",
            grants="SELECT, INSERT, UPDATE (size, hash, xid, entry_id, cluster)",
            references=False,
        ),
        TenantTable(table="audit_tile", grants="SELECT, INSERT, UPDATE (hashes)", references=False),
        TenantTable(table="audit_sweepmark", grants="SELECT", references=False),
        LookupAccess(table="audit_accessentry", privileges="SELECT (organization_id, environment_id, xid, id)"),
        LookupAccess(table="audit_accesslink", privileges="SELECT (organization_id, environment_id, index, id)"),
        LookupAccess(table="audit_loghead", privileges="SELECT (organization_id, environment_id, log, size)"),
        LookupAccess(table="audit_sweepmark", privileges="SELECT, INSERT, UPDATE (xid, cluster)"),
        LookupFunction(
            name="audit_find_waiting",
            arguments="",
            returns="TABLE (organization_id uuid, environment_id uuid)",
            body=WAITING,
            language="plpgsql",
            volatility="VOLATILE",
        ),
        LookupFunction(
            name="audit_find_behind",
            arguments="",
            returns="TABLE (organization_id uuid, environment_id uuid)",
            body=BEHIND,
        ),
        # audit_find_unverified stays for the code from before, which knows one log only.
        LookupFunction(
            name="audit_find_due",
            arguments="before timestamptz",
            returns="TABLE (organization_id uuid, environment_id uuid, log text)",
            body=DUE,
        ),
    ]
