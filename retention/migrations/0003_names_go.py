"""At the end of an erasure its row names nobody any more: who asked is told by an id."""

from django.db import migrations

TABLES = ("retention_erasure", "retention_personerasure")


class Migration(migrations.Migration):
    dependencies = [("retention", "0002_isolation")]

    operations = [
        migrations.RunSQL(
            f"GRANT UPDATE (requested_by_label) ON {table} TO hq_app",
            f"REVOKE UPDATE (requested_by_label) ON {table} FROM hq_app",
        )
        for table in TABLES
    ]
