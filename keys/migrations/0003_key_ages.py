"""How old the keys of organizations are, and whether they can be used, for the operator's list. Never the keys."""

from django.db import migrations

from hq.db.operations import LookupFunction

AGES = """
    SELECT c.organization_id, c.provider::text, c.state::text, c.version, coalesce(c.rotated_at, c.created_at), c.delete_at
    FROM public.keys_cmk c WHERE c.organization_id = ANY (organizations) AND c.retired_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("keys", "0002_rotation_and_evidence")]

    operations = [
        LookupFunction(
            name="keys_ages",
            arguments="organizations uuid[]",
            returns="TABLE (organization_id uuid, provider text, key_state text, version int, since timestamptz,"
            " delete_at timestamptz)",
            body=AGES,
        )
    ]
