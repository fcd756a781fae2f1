"""When something was last done in an organization, and whether its trail is whole, for the operator's list (ACC-11).

Of events `hq_lookup` sees nothing but whose they are and when they were.
"""

from django.db import migrations

from hq.db.operations import LookupAccess, LookupFunction

LAST = """
    SELECT h.organization_id, max(newest.at), sum(h.length)::bigint, coalesce(bool_or(checked.first_bad IS NOT NULL), false)
    FROM public.audit_chainhead h
    LEFT JOIN LATERAL (
        SELECT e.at FROM public.audit_auditevent e
        WHERE e.organization_id = h.organization_id AND e.environment_id = h.environment_id ORDER BY e.at DESC LIMIT 1
    ) newest ON true
    LEFT JOIN LATERAL (
        SELECT v.first_bad FROM public.audit_chainverification v
        WHERE v.organization_id = h.organization_id AND v.environment_id = h.environment_id ORDER BY v.at DESC LIMIT 1
    ) checked ON true
    WHERE h.organization_id = ANY (organizations) GROUP BY h.organization_id
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        LookupAccess(table="audit_auditevent", privileges="SELECT (organization_id, environment_id, at)"),
        LookupFunction(
            name="audit_last_events",
            arguments="organizations uuid[]",
            returns="TABLE (organization_id uuid, last_at timestamptz, events bigint, broken boolean)",
            body=LAST,
        ),
    ]
