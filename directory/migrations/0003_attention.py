"""What the sweep looks for in all organizations: domains to look at again, certificates that are about to end."""

from django.db import migrations

from hq.db.operations import LookupFunction


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0002_scim"),
    ]

    operations = [
        # A warning is due once as each of the limits is crossed; `warned_at` is when the last one was sent.
        LookupFunction(
            name="directory_attention",
            arguments="at timestamptz, looked_before timestamptz",
            returns="TABLE (organization_id uuid, what text)",
            body="""
                SELECT DISTINCT d.organization_id, 'domains' FROM public.directory_domain d
                WHERE d.verified_at IS NOT NULL AND d.checked_at < looked_before
                UNION ALL
                SELECT c.organization_id, 'certificates' FROM public.directory_ssoconnection c
                WHERE c.state = 'ACTIVE' AND EXISTS (
                    SELECT FROM unnest(ARRAY[30, 7, 1]) AS days
                    WHERE c.certificate_expires_at - make_interval(days => days) <= at
                    AND (c.warned_at IS NULL OR c.warned_at < c.certificate_expires_at - make_interval(days => days))
                )
            """,
        ),
    ]
