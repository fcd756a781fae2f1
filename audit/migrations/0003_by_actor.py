"""What one principal did, found without reading the whole trail: the page of a key that may have leaked asks it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_last_events")]

    operations = [
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(
                fields=["organization_id", "environment_id", "actor_id", "index"], name="audit_event_actor"
            ),
        ),
        migrations.AddIndex(
            model_name="accessentry",
            index=models.Index(
                fields=["organization_id", "environment_id", "actor_id", "id"], name="audit_access_actor"
            ),
        ),
    ]
