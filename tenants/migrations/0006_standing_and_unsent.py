"""What whoever was answered could do then; and links of invitations, until they are mailed."""

from django.db import migrations

import hq.db.fields


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_machines")]

    operations = [
        # Without a value it is refused to repeat an answer, so those of the code before count no more.
        migrations.AddField("answer", "standing", hq.db.fields.SealedTextField(null=True, purpose="metadata")),
        migrations.AddField("invitation", "unsent", hq.db.fields.SealedTextField(null=True, purpose="metadata")),
    ]
