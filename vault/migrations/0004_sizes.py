"""How much organizations store, for the operator's list. Nothing of what it is, nor what it is called.

Counted up to a bound: a page must not wait while millions of rows are read. Who gets the bound back knows "at least".
"""

from django.db import migrations

from hq.db.operations import LookupAccess, LookupFunction

SIZES = """
    SELECT wanted.id, held.objects, stored.files, stored.bytes
    FROM unnest(organizations) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT count(*) AS objects FROM (
            SELECT FROM public.vault_storedobject o
            WHERE o.organization_id = wanted.id AND o.deleted_at IS NULL LIMIT most
        ) AS bounded
    ) held
    CROSS JOIN LATERAL (
        SELECT count(*) AS files, coalesce(sum(bounded.sealed_size), 0)::bigint AS bytes FROM (
            SELECT b.sealed_size FROM public.vault_blob b
            WHERE b.organization_id = wanted.id AND b.state = 'STORED' LIMIT most
        ) AS bounded
    ) stored
"""


class Migration(migrations.Migration):
    dependencies = [("vault", "0003_resealing")]

    operations = [
        LookupAccess(table="vault_storedobject", privileges="SELECT (organization_id, deleted_at)"),
        LookupFunction(
            name="vault_sizes",
            arguments="organizations uuid[], most int",
            returns="TABLE (organization_id uuid, objects bigint, files bigint, bytes bigint)",
            body=SIZES,
        ),
    ]
