"""A chain's head says whether anybody is told of its events, so that an act asks only where somebody is.

It is said by the database, from triggers on the tables of those who are told: so it is true whoever writes there. It is
never taken back, so no order of two transactions can have it wrong.
"""

from django.db import migrations, models

from hq.crypto.chain import GENESIS
from hq.db.operations import APP

HEAR = f"""
    CREATE FUNCTION public.audit_hear(organization uuid, environment uuid) RETURNS void
        LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $hq$
        INSERT INTO public.audit_chainhead AS h (id, organization_id, environment_id, length, hash, heard)
        VALUES (gen_random_uuid(), organization, environment, 0, '\\x{GENESIS.hex()}', true)
        ON CONFLICT (organization_id, environment_id) DO UPDATE SET heard = true WHERE NOT h.heard
    $hq$
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0009_cheaper_events")]

    operations = [
        migrations.AddField("chainhead", "heard", models.BooleanField(default=False, db_default=False)),
        migrations.RunSQL(
            [f"GRANT UPDATE (heard) ON audit_chainhead TO {APP}", HEAR],
            ["DROP FUNCTION public.audit_hear(uuid, uuid)", f"REVOKE UPDATE (heard) ON audit_chainhead FROM {APP}"],
        ),
    ]
