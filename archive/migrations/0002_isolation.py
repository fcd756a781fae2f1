"""Whose archive is seen, what of it is never changed, and how the sweeps find what is due."""

from django.db import migrations

from hq.db.operations import LookupAccess, LookupFunction, TenantTable

PROGRESS = (
    "SELECT, INSERT, UPDATE (day, planned, archived, verified, checkpoint, archived_at, looked_at, verified_at,"
    " failing_since, failure, alarmed_at)"
)
UNARCHIVED = """
SELECT head.organization_id, head.environment_id, head.log::text FROM public.audit_loghead AS head
LEFT JOIN public.archive_progress AS row ON row.organization_id = head.organization_id
  AND row.environment_id = head.environment_id AND row.log = head.log
WHERE head.size > coalesce(row.archived, 0) AND (row.looked_at IS NULL OR row.looked_at < before)
ORDER BY row.looked_at NULLS FIRST LIMIT 1000
"""
# A month whose last files were written while it went on is read back once everything of it was looked for.
UNVERIFIED = """
SELECT DISTINCT ON (file.organization_id, file.environment_id, file.log) file.organization_id, file.environment_id,
       file.log::text, date_trunc('month', file.day)::date
FROM public.archive_file AS file
JOIN public.archive_progress AS row ON row.organization_id = file.organization_id
  AND row.environment_id = file.environment_id AND row.log = file.log
WHERE file.first > row.verified AND file.last <= row.archived AND file.day < before
  AND row.looked_at >= date_trunc('month', file.day) + interval '1 month'
ORDER BY file.organization_id, file.environment_id, file.log, file.first LIMIT 1000
"""
FAILING = """
SELECT count(*), min(row.failing_since) FROM public.archive_progress AS row WHERE row.failing_since < before
"""


class Migration(migrations.Migration):
    dependencies = [("archive", "0001_tables"), ("audit", "0005_months")]

    operations = [
        TenantTable(table="archive_progress", grants=PROGRESS, references=False),
        TenantTable(table="archive_file", grants="SELECT, INSERT, UPDATE (file_hash, size)", references=False),
        TenantTable(table="archive_digest", grants="SELECT, INSERT, UPDATE (written_at)", references=False),
        TenantTable(table="archive_month", grants="SELECT, INSERT, UPDATE (dropped_at)", references=False),
        LookupAccess(table="archive_progress"),
        LookupAccess(table="archive_file"),
        LookupFunction(
            name="archive_find_unarchived",
            arguments="before timestamptz",
            returns="TABLE (organization_id uuid, environment_id uuid, log text)",
            body=UNARCHIVED,
        ),
        LookupFunction(
            name="archive_find_unverified",
            arguments="before date",
            returns="TABLE (organization_id uuid, environment_id uuid, log text, month date)",
            body=UNVERIFIED,
        ),
        LookupFunction(
            name="archive_failing",
            arguments="before timestamptz",
            returns="TABLE (logs bigint, since timestamptz)",
            body=FAILING,
        ),
    ]
