"""A month that was read back may get more, and is then read back again: until then its row could only be made once."""

from django.db import migrations

from hq.db.operations import APP

ALSO = "UPDATE (last, size, verified_at)"


class Migration(migrations.Migration):
    dependencies = [("archive", "0002_isolation")]

    operations = [
        migrations.RunSQL(f"GRANT {ALSO} ON archive_month TO {APP}", f"REVOKE {ALSO} ON archive_month FROM {APP}"),
    ]
