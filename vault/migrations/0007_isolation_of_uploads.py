"""Whose uploads may be seen, what may be changed of one, and how the address of a part finds its tenant.

What was announced stays as it was: the running role cannot turn an upload to another path, size or maker.
"""

from django.db import migrations

from hq.db.operations import CompositeKey, LookupAccess, LookupFunction, TenantTable

CHANGED = (
    "state, begun, handle, parts_kept, method, api_key_id, created_by, origin, version_id, created, event_id, event_index,"
    " refusal, refusal_detail, parts_key, content_type, sha256, conditions"
)

# One that is being put together is left alone for a day longer: its job goes on, or was given up by then.
ENDED = """
    SELECT DISTINCT upload.organization_id FROM public.vault_upload AS upload
    WHERE (upload.parts_kept AND upload.state IN ('DONE', 'GIVEN_UP'))
        OR (upload.expires_at < statement_timestamp() AND upload.state <> 'ASSEMBLING')
        OR upload.expires_at < statement_timestamp() - interval '1 day'
"""


class Migration(migrations.Migration):
    dependencies = [("vault", "0006_uploads")]

    operations = [
        TenantTable(table="vault_upload", grants=f"SELECT, INSERT, DELETE, UPDATE ({CHANGED})"),
        CompositeKey(table="vault_upload", column="environment_id", to="tenants_environment", on_delete="CASCADE"),
        CompositeKey(table="vault_upload", column="bucket_id", to="vault_bucket", on_delete="CASCADE"),
        CompositeKey(table="vault_upload", column="membership_id", to="tenants_membership", on_delete="SET NULL"),
        CompositeKey(
            table="vault_upload", column="service_account_id", to="tenants_serviceaccount", on_delete="SET NULL"
        ),
        CompositeKey(table="vault_upload", column="api_key_id", to="tenants_apikey", on_delete="SET NULL"),
        CompositeKey(table="vault_upload", column="version_id", to="vault_objectversion", on_delete="SET NULL"),
        LookupAccess(table="vault_upload", privileges="SELECT (id, organization_id, state, parts_kept, expires_at)"),
        LookupFunction(
            name="vault_find_upload",
            arguments="upload uuid",
            returns="TABLE (organization_id uuid)",
            body="SELECT found.organization_id FROM public.vault_upload AS found WHERE found.id = upload",
        ),
        LookupFunction(
            name="vault_find_ended_uploads", arguments="", returns="TABLE (organization_id uuid)", body=ENDED
        ),
    ]
