"""How the daily check finds the chains that are due, before any tenant is known."""

from django.db import migrations

from hq.db.operations import LookupAccess, LookupFunction


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        LookupAccess(table="audit_chainhead"),
        LookupAccess(table="audit_chainverification"),
        LookupFunction(
            name="audit_find_unverified",
            arguments="before timestamptz",
            returns="TABLE (organization_id uuid, environment_id uuid)",
            body="""
                SELECT h.organization_id, h.environment_id FROM public.audit_chainhead h
                WHERE h.length > 0 AND NOT EXISTS (
                    SELECT FROM public.audit_chainverification v
                    WHERE v.organization_id = h.organization_id AND v.environment_id = h.environment_id AND v.at >= before
                )
                LIMIT 1000
            """,
        ),
    ]
