"""Checkpoints are each organization's own, outlive it, and are never changed. What is newest of a log anybody may ask."""

from django.db import migrations

from hq.db.operations import AppendOnly, CompositeKey, LookupAccess, LookupFunction, PlainTable, TenantTable

# Whose a log is that has a checkpoint: its name is public, so no tenant is known yet.
LOG = """
    SELECT c.organization_id FROM public.evidence_checkpoint c
    WHERE c.environment_id = environment AND c.log = which
    ORDER BY c.size DESC LIMIT 1
"""
# Logs that have not the size of their newest checkpoint, if that is not too new, and has not been contradicted since.
DUE = """
    SELECT DISTINCT logs.organization_id, logs.environment_id FROM (
        SELECT h.organization_id, h.environment_id, 'admin' AS log, h.length AS size FROM public.audit_chainhead h
        UNION ALL
        SELECT t.organization_id, t.environment_id, t.log, t.size FROM public.audit_loghead t WHERE t.log = 'access'
    ) logs
    LEFT JOIN LATERAL (
        SELECT c.size, c.at FROM public.evidence_checkpoint c
        WHERE c.environment_id = logs.environment_id AND c.log = logs.log AND c.organization_id = logs.organization_id
        ORDER BY c.size DESC LIMIT 1
    ) newest ON true
    WHERE logs.size <> coalesce(newest.size, 0)
        AND coalesce(newest.at < before, true)
        AND NOT EXISTS (
            SELECT FROM public.evidence_incident i
            WHERE i.organization_id = logs.organization_id AND i.environment_id = logs.environment_id
                AND i.log = logs.log AND i.kind <> 'witness' AND i.size = newest.size
        )
    LIMIT 1000
"""
# Every environment that HQ has committed to: what was rewritten and has not grown is found by looking again.
COMMITTED = """
    SELECT DISTINCT c.organization_id, c.environment_id FROM public.evidence_checkpoint c
    WHERE NOT EXISTS (
        SELECT FROM public.evidence_incident i
        WHERE i.environment_id = c.environment_id AND i.log = c.log AND i.kind <> 'witness' AND i.size >= c.size
    )
"""
MAIL = """
    SELECT DISTINCT w.organization_id FROM public.evidence_mailwitness w
    WHERE w.state = 'CONFIRMED' AND coalesce(w.sent_at < before, true) OR w.state = 'ASKED' AND w.created_at < asked_before
    LIMIT 1000
"""


class Migration(migrations.Migration):
    dependencies = [("evidence", "0001_tables"), ("audit", "0004_logs_and_trees"), ("tenants", "0005_machines")]

    operations = [
        TenantTable(table="evidence_checkpoint", grants="SELECT, INSERT", references=False),
        AppendOnly(table="evidence_checkpoint"),
        TenantTable(table="evidence_cosignature", grants="SELECT, INSERT", references=False),
        AppendOnly(table="evidence_cosignature"),
        CompositeKey(table="evidence_cosignature", column="checkpoint_id", to="evidence_checkpoint"),
        TenantTable(table="evidence_incident", grants="SELECT, INSERT", references=False),
        AppendOnly(table="evidence_incident"),
        TenantTable(
            table="evidence_mailwitness",
            grants="SELECT, INSERT, DELETE, UPDATE (address, token, state, confirmed_at, sent_at)",
        ),
        PlainTable(table="evidence_witnessedlog", grants="SELECT, INSERT, UPDATE (size, root, note, at)"),
        LookupAccess(table="evidence_checkpoint"),
        LookupAccess(table="evidence_incident"),
        LookupAccess(table="evidence_mailwitness"),
        LookupFunction(
            name="evidence_find_log",
            arguments="environment uuid, which text",
            returns="TABLE (organization_id uuid)",
            body=LOG,
        ),
        LookupFunction(
            name="evidence_find_due",
            arguments="before timestamptz",
            returns="TABLE (organization_id uuid, environment_id uuid)",
            body=DUE,
        ),
        LookupFunction(
            name="evidence_find_committed",
            arguments="",
            returns="TABLE (organization_id uuid, environment_id uuid)",
            body=COMMITTED,
        ),
        LookupFunction(
            name="evidence_find_mail",
            arguments="before timestamptz, asked_before timestamptz",
            returns="TABLE (organization_id uuid)",
            body=MAIL,
        ),
        LookupFunction(
            name="evidence_find_mail_witness",
            arguments="digest bytea",
            returns="TABLE (organization_id uuid)",
            body="SELECT w.organization_id FROM public.evidence_mailwitness w WHERE w.token_digest = digest",
        ),
    ]
