"""Whose artifacts may be seen, what may never be changed about them, and the little that the edge may do (ADR 22).

`hq_edge` is bound by row security like everybody: it says whose artifact it serves, as one function tells it. It reads
what serving takes and the keys that open it; it uses a link up, adds a visit and counts the uses of a key.
"""

from django.db import migrations

from hq.db.operations import ALL, CompositeKey, LookupAccess, LookupFunction, TenantTable

EDGE, LOOKUP = "hq_edge", "hq_lookup"
# What a deployment is, and what a link opens until when, is settled when it is made. The sealed columns may be written
# so that a rotation can seal them again.
DEPLOYMENT = "SELECT, INSERT, DELETE, UPDATE (blob_id, created_by_label)"
FILE = "SELECT, INSERT, DELETE, UPDATE (sha256)"
LINK = (
    "SELECT, INSERT, DELETE, UPDATE (recipient, created_by_label, opened_at, opened_ip, recorded_at, revoked_at,"
    " revoked_by_id, revoked_by_label)"
)
VISIT = "SELECT, INSERT, DELETE, UPDATE (user_agent)"
OF_THE_EDGE = {
    "artifacts_artifact": "SELECT",
    "artifacts_deployment": "SELECT",
    "artifacts_deployedfile": "SELECT",
    "artifacts_artifactlink": "SELECT, UPDATE (opened_at, opened_ip)",
    "artifacts_artifactvisit": "SELECT, INSERT",
    "vault_blob": "SELECT",
    "vault_bucket": "SELECT",
    "keys_cmk": "SELECT",
    "keys_datakey": "SELECT, UPDATE (uses, last_used_at, last_used_by_kind, last_used_by_id)",
}
CURRENT = (
    "ALTER TABLE artifacts_artifact ADD CONSTRAINT artifacts_current_deployment_exists"
    " FOREIGN KEY (organization_id, id, current) REFERENCES artifacts_deployment (organization_id, artifact_id, number)"
    " ON DELETE NO ACTION DEFERRABLE INITIALLY IMMEDIATE"
)
# A cookie lives for 12 hours at most, so those are the revoked links that a browser may still show one of.
SITE = """
SELECT artifact.organization_id, artifact.environment_id, artifact.id, artifact.access, artifact.policy,
       organization.name, deployment.id, deployment.number,
       ARRAY(
           SELECT link.id FROM public.artifacts_artifactlink AS link
           WHERE link.organization_id = artifact.organization_id AND link.artifact_id = artifact.id
             AND link.revoked_at IS NOT NULL AND link.opened_at > statement_timestamp() - interval '13 hours'
       )
FROM public.artifacts_artifact AS artifact
JOIN public.tenants_organization AS organization
  ON organization.id = artifact.organization_id AND organization.state = 'READY'
LEFT JOIN public.artifacts_deployment AS deployment
  ON deployment.organization_id = artifact.organization_id AND deployment.artifact_id = artifact.id
 AND deployment.number = artifact.current
WHERE artifact.label = site_label
"""
WORK = """
SELECT DISTINCT link.organization_id FROM public.artifacts_artifactlink AS link
WHERE (link.opened_at IS NOT NULL AND link.recorded_at IS NULL)
   OR link.revoked_at < links_before OR link.opened_at < links_before
   OR (link.opened_at IS NULL AND link.expires_at < links_before)
UNION
SELECT DISTINCT visit.organization_id FROM public.artifacts_artifactvisit AS visit WHERE visit.at < visits_before
"""


# As for a version of an object: a rotation may put the same bytes under a newer key in the place of these, nothing else.
KEEPS = """
CREATE TRIGGER artifacts_deployment_keeps_its_content BEFORE UPDATE OF blob_id ON artifacts_deployment
FOR EACH ROW WHEN (OLD.blob_id IS DISTINCT FROM NEW.blob_id) EXECUTE FUNCTION vault_same_content()
"""


def _as(role: str, statement: str) -> str:
    return f"SET ROLE {role}; {statement}; RESET ROLE"


class Migration(migrations.Migration):
    dependencies = [("artifacts", "0001_tables"), ("vault", "0003_resealing"), ("keys", "0003_key_ages")]

    operations = [
        TenantTable(table="artifacts_artifact", grants=ALL),
        TenantTable(table="artifacts_deployment", grants=DEPLOYMENT),
        TenantTable(table="artifacts_deployedfile", grants=FILE),
        TenantTable(table="artifacts_artifactlink", grants=LINK),
        TenantTable(table="artifacts_artifactvisit", grants=VISIT),
        CompositeKey(
            table="artifacts_artifact", column="environment_id", to="tenants_environment", on_delete="CASCADE"
        ),
        CompositeKey(table="artifacts_deployment", column="artifact_id", to="artifacts_artifact", on_delete="CASCADE"),
        CompositeKey(table="artifacts_deployment", column="blob_id", to="vault_blob"),
        CompositeKey(
            table="artifacts_deployedfile", column="deployment_id", to="artifacts_deployment", on_delete="CASCADE"
        ),
        CompositeKey(
            table="artifacts_artifactlink", column="artifact_id", to="artifacts_artifact", on_delete="CASCADE"
        ),
        CompositeKey(
            table="artifacts_artifactlink", column="membership_id", to="tenants_membership", on_delete="SET NULL"
        ),
        CompositeKey(
            table="artifacts_artifactvisit", column="artifact_id", to="artifacts_artifact", on_delete="CASCADE"
        ),
        CompositeKey(
            table="artifacts_artifactvisit", column="link_id", to="artifacts_artifactlink", on_delete="CASCADE"
        ),
        migrations.RunSQL(
            CURRENT, "ALTER TABLE artifacts_artifact DROP CONSTRAINT artifacts_current_deployment_exists"
        ),
        migrations.RunSQL(KEEPS, "DROP TRIGGER artifacts_deployment_keeps_its_content ON artifacts_deployment"),
        LookupAccess(table="artifacts_artifact"),
        LookupAccess(table="artifacts_deployment"),
        LookupAccess(table="artifacts_artifactlink"),
        LookupAccess(table="artifacts_artifactvisit"),
        LookupFunction(
            name="artifacts_find_site",
            arguments="site_label text",
            returns="TABLE (organization_id uuid, environment_id uuid, artifact_id uuid, access text, policy integer,"
            " owner text, deployment_id uuid, number integer, revoked uuid[])",
            body=SITE,
        ),
        LookupFunction(
            name="artifacts_find_work",
            arguments="links_before timestamptz, visits_before timestamptz",
            returns="TABLE (organization_id uuid)",
            body=WORK,
        ),
        migrations.RunSQL(
            _as(LOOKUP, f"GRANT EXECUTE ON FUNCTION public.artifacts_find_site(text) TO {EDGE}"),
            _as(LOOKUP, f"REVOKE EXECUTE ON FUNCTION public.artifacts_find_site(text) FROM {EDGE}"),
        ),
        *(
            migrations.RunSQL(f"GRANT {rights} ON {table} TO {EDGE}", f"REVOKE ALL ON {table} FROM {EDGE}")
            for table, rights in OF_THE_EDGE.items()
        ),
    ]
