"""Which logs have requests that wait for their places for long: somebody's transaction holds them up, or nobody works."""

from django.db import migrations

from hq.db.operations import LookupFunction

HELD = """
    SELECT DISTINCT e.organization_id, coalesce(e.environment_id, e.organization_id) FROM public.audit_accessentry e
    WHERE e.id < made_before AND e.xid >= coalesce((
        SELECT m.xid FROM public.audit_sweepmark m WHERE m.cluster = (SELECT system_identifier FROM pg_control_system())
    ), 0) AND NOT EXISTS (SELECT FROM public.audit_accesslink l WHERE l.id = e.id)
    LIMIT 1000
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0011_goes_on")]

    operations = [
        LookupFunction(
            name="audit_find_held",
            arguments="made_before uuid",
            returns="TABLE (organization_id uuid, environment_id uuid)",
            body=HELD,
        ),
    ]
