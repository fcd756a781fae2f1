"""The trail's tables by month (audit.months): what they hold so far becomes their first partition, without a copy.

That an index stands once in a chain each month's own unique index holds, and across months the head: adding locks it.
"""

from django.db import migrations

from audit.monthly import Monthly

GRANTS = "SELECT, INSERT"
WHOSE = "organization_id, environment_id"


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_logs_and_trees")]

    operations = [
        migrations.RemoveConstraint("auditevent", "audit_index_once_in_a_chain"),
        Monthly(table="audit_auditevent", grants=GRANTS, lookup=f"SELECT ({WHOSE}, at, index, id)"),
        Monthly(table="audit_accessentry", grants=GRANTS, lookup=f"SELECT ({WHOSE}, xid, id)"),
        Monthly(table="audit_accesslink", grants=GRANTS, lookup=f"SELECT ({WHOSE}, index, id)"),
    ]
