"""What an export could not read is told by the export itself, once it is made."""

from django.db import migrations, models

ALSO = "UPDATE (left_out, files_left_out)"


class Migration(migrations.Migration):
    dependencies = [("exports", "0002_isolation")]

    operations = [
        migrations.AddField("export", "left_out", models.JSONField(db_default=[], default=list)),
        migrations.AddField("export", "files_left_out", models.PositiveBigIntegerField(db_default=0, default=0)),
        migrations.RunSQL(f"GRANT {ALSO} ON exports_export TO hq_app", f"REVOKE {ALSO} ON exports_export FROM hq_app"),
    ]
