"""Whose rows may be seen, what the running role may do with them, and which rows only belong together.

The running role cannot change a version, nor forget an object or a bucket: those verbs do not exist yet, and the grant comes
with the verb.
"""

from django.db import migrations

from hq.db.operations import CompositeKey, LookupAccess, LookupFunction, TenantTable

# Deferring is not needed: an object is inserted without a current version, then the version, then the number is set.
CURRENT = (
    "ALTER TABLE vault_storedobject ADD CONSTRAINT vault_current_version_exists"
    " FOREIGN KEY (organization_id, id, current) REFERENCES vault_objectversion (organization_id, object_id, number) NOT DEFERRABLE"
)

FIND_ORPHANS = """
    SELECT DISTINCT blob.organization_id FROM public.vault_blob AS blob
    WHERE blob.state = 'DOOMED' OR (blob.state = 'PENDING' AND blob.lease_until < statement_timestamp())
"""


class Migration(migrations.Migration):
    dependencies = [("vault", "0001_initial")]

    operations = [
        TenantTable(table="vault_bucket", grants="SELECT, INSERT"),
        TenantTable(table="vault_blob"),
        TenantTable(table="vault_storedobject", grants="SELECT, INSERT, UPDATE"),
        TenantTable(table="vault_objectversion", grants="SELECT, INSERT"),
        CompositeKey(table="vault_blob", column="bucket_id", to="vault_bucket"),
        CompositeKey(table="vault_blob", column="environment_id", to="tenants_environment"),
        CompositeKey(table="vault_storedobject", column="environment_id", to="tenants_environment"),
        CompositeKey(table="vault_objectversion", column="object_id", to="vault_storedobject", on_delete="CASCADE"),
        CompositeKey(table="vault_objectversion", column="blob_id", to="vault_blob"),
        migrations.RunSQL(CURRENT, "ALTER TABLE vault_storedobject DROP CONSTRAINT vault_current_version_exists"),
        LookupAccess(table="vault_blob"),
        LookupFunction(
            name="vault_find_orphans", arguments="", returns="TABLE (organization_id uuid)", body=FIND_ORPHANS
        ),
    ]
