"""Whose exports may be seen, what may never be changed about them, and how the sweep finds those that are over."""

from django.db import migrations

from hq.db.operations import CompositeKey, LookupAccess, LookupFunction, TenantTable

# What is exported to whom is settled when it is asked for. The sealed columns are written again by rotations.
EXPORT_GRANTS = (
    "SELECT, INSERT, DELETE, UPDATE (requested_by_label, recipient, identity, job_id, cursor, files_total, bytes_total,"
    " bytes_done, members, cut_at, made_at, expires_at, removed_at, manifest_digest)"
)

EXPIRED = """
SELECT DISTINCT export.organization_id FROM public.exports_export AS export
WHERE export.removed_at IS NULL AND export.expires_at < statement_timestamp()
"""


class Migration(migrations.Migration):
    dependencies = [("exports", "0001_initial"), ("tenants", "0005_machines"), ("vault", "0005_deleted_by_path")]

    operations = [
        TenantTable(table="exports_export", grants=EXPORT_GRANTS),
        TenantTable(table="exports_volume", grants="SELECT, INSERT, DELETE, UPDATE (blob_id)"),
        TenantTable(table="exports_entry", grants="SELECT, INSERT, DELETE, UPDATE (left_out)"),
        CompositeKey(table="exports_export", column="environment_id", to="tenants_environment", on_delete="CASCADE"),
        CompositeKey(table="exports_export", column="membership_id", to="tenants_membership", on_delete="SET NULL"),
        CompositeKey(table="exports_volume", column="export_id", to="exports_export", on_delete="CASCADE"),
        CompositeKey(table="exports_volume", column="blob_id", to="vault_blob", on_delete="CASCADE"),
        CompositeKey(table="exports_entry", column="export_id", to="exports_export", on_delete="CASCADE"),
        LookupAccess(table="exports_export"),
        LookupFunction(
            name="exports_find_expired",
            arguments="",
            returns="TABLE (organization_id uuid)",
            body=EXPIRED,
        ),
    ]
