"""An event takes its place, its time and its link from the chain's head in the statement that adds it.

A statement gives back what it wrote, and not what was there before: so the head has the former link, too. HQ from before
leaves both columns alone, and nothing else reads them.
"""

from django.db import migrations, models

from hq.db.operations import APP

ALSO = "UPDATE (previous, at)"


class Migration(migrations.Migration):
    dependencies = [("audit", "0007_explorer")]

    operations = [
        migrations.AddField("chainhead", "previous", models.BinaryField(null=True)),
        migrations.AddField("chainhead", "at", models.DateTimeField(null=True)),
        migrations.RunSQL(f"GRANT {ALSO} ON audit_chainhead TO {APP}", f"REVOKE {ALSO} ON audit_chainhead FROM {APP}"),
    ]
