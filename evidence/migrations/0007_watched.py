"""Who is sent checkpoints is watched as well: whoever takes a witness away with SQL does so where the trail tells it.

One who was asked and never answered is forgotten by HQ itself, and that is no act.
"""

from django.db import migrations

from hq.db.operations import Watched

LEFT = """
    CREATE CONSTRAINT TRIGGER watched_end AFTER DELETE ON evidence_mailwitness DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.state = 'CONFIRMED') EXECUTE FUNCTION public.audit_note_change(organization_id)
"""


class Migration(migrations.Migration):
    dependencies = [("evidence", "0006_goes_on"), ("retention", "0004_watched")]

    operations = [
        Watched(table="evidence_mailwitness", columns="state", on="INSERT"),
        migrations.RunSQL(LEFT, "DROP TRIGGER watched_end ON evidence_mailwitness"),
    ]
