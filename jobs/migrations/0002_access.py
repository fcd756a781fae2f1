"""Whose jobs may be seen, and the functions that must look across organizations: to claim, to reap, to operate."""

from django.db import migrations

from hq.db.operations import LookupAccess, LookupFunction, TenantTable

# SKIP LOCKED: workers never wait for each other. The inner query is a scalar, so it is evaluated once.
# statement_timestamp() is stable, so the partial index on run_at serves it.
CLAIM = """
UPDATE public.jobs_job AS job
SET state = 'RUNNING', attempts = job.attempts + 1, claimed_by = worker, claim_id = gen_random_uuid(),
    heartbeat_at = statement_timestamp(), lease_until = statement_timestamp() + make_interval(secs => lease)
WHERE job.id = (
    SELECT waiting.id FROM public.jobs_job AS waiting
    WHERE waiting.state = 'QUEUED' AND waiting.run_at <= statement_timestamp() AND waiting.kind = ANY (kinds)
    ORDER BY waiting.run_at, waiting.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING job.id, job.organization_id, job.environment_id, job.kind, job.payload, job.attempts, job.max_attempts, job.claim_id
"""

# A row that its worker holds locked (it is committing under its fence) is skipped: that worker is alive, or its
# transaction will be ended by the server and the next reaping finds the row.
REAP = """
UPDATE public.jobs_job AS job
SET state = CASE WHEN job.attempts < job.max_attempts THEN 'QUEUED' ELSE 'DEAD' END,
    finished_at = CASE WHEN job.attempts < job.max_attempts THEN NULL ELSE statement_timestamp() END,
    run_at = statement_timestamp() + make_interval(secs => least(most, base * 2 ^ least(job.attempts - 1, 30)) * (0.5 + random() / 2)),
    claim_id = NULL, lease_until = NULL,
    error = 'WorkerLost: The worker gave no sign of life within its lease.'
WHERE job.id IN (
    SELECT lost.id FROM public.jobs_job AS lost
    WHERE lost.state = 'RUNNING' AND lost.lease_until < statement_timestamp()
    ORDER BY lost.lease_until
    LIMIT 1000
    FOR UPDATE SKIP LOCKED
)
RETURNING job.id, job.organization_id, job.kind, job.state
"""

PRUNE = """
WITH gone AS (
    DELETE FROM public.jobs_job WHERE id IN (
        SELECT old.id FROM public.jobs_job AS old
        WHERE old.state = 'DONE' AND old.finished_at < finished_before
        ORDER BY old.finished_at LIMIT most FOR UPDATE SKIP LOCKED
    ) RETURNING 1
) SELECT count(*) FROM gone
"""

COUNTS = "SELECT job.state, count(*), min(job.run_at) FROM public.jobs_job AS job GROUP BY job.state"

# No payload and no result: a list is metadata only. plpgsql plans with the filters' values, plain SQL would not.
LIST = """
BEGIN
RETURN QUERY
    SELECT job.id, job.organization_id, job.kind::text, job.state::text, job.attempts, job.max_attempts, job.run_at,
           job.done, job.total, job.message::text, job.error::text, job.created_at, job.finished_at
    FROM public.jobs_job AS job
    WHERE (wanted_before IS NULL OR job.id < wanted_before) AND (wanted_state = '' OR job.state = wanted_state)
      AND (wanted_kind = '' OR job.kind = wanted_kind) AND (wanted_organization IS NULL OR job.organization_id = wanted_organization)
    ORDER BY job.id DESC
    LIMIT most;
END
"""

CHANGED_BY_LOOKUP = "state, attempts, claimed_by, claim_id, heartbeat_at, lease_until, finished_at, run_at, error"


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_table")]

    operations = [
        TenantTable(table="jobs_job", references=False),
        LookupAccess(table="jobs_job", privileges=f"SELECT, DELETE, UPDATE ({CHANGED_BY_LOOKUP})"),
        LookupFunction(
            name="jobs_claim",
            arguments="worker text, lease double precision, kinds text[]",
            returns="TABLE (id uuid, organization_id uuid, environment_id uuid, kind text, payload jsonb, attempts integer, max_attempts integer, claim_id uuid)",
            body=CLAIM,
            volatility="VOLATILE",
        ),
        LookupFunction(
            name="jobs_reap",
            arguments="base double precision, most double precision",
            returns="TABLE (id uuid, organization_id uuid, kind text, state text)",
            body=REAP,
            volatility="VOLATILE",
        ),
        LookupFunction(
            name="jobs_prune",
            arguments="finished_before timestamptz, most integer",
            returns="TABLE (pruned bigint)",
            body=PRUNE,
            volatility="VOLATILE",
        ),
        LookupFunction(
            name="jobs_locate",
            arguments="job_id uuid",
            returns="TABLE (organization_id uuid)",
            body="SELECT job.organization_id FROM public.jobs_job AS job WHERE job.id = job_id",
        ),
        LookupFunction(
            name="jobs_counts", arguments="", returns="TABLE (state text, jobs bigint, oldest timestamptz)", body=COUNTS
        ),
        LookupFunction(
            name="jobs_list",
            arguments="wanted_before uuid, wanted_state text, wanted_kind text, wanted_organization uuid, most integer",
            returns="TABLE (id uuid, organization_id uuid, kind text, state text, attempts integer, max_attempts integer, run_at timestamptz,"
            " done bigint, total bigint, message text, error text, created_at timestamptz, finished_at timestamptz)",
            body=LIST,
            language="plpgsql",
        ),
    ]
