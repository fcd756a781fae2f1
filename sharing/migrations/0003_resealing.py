"""Let a rotation seal again what stands under an older data key. What a link gives stays out of the application's reach."""

from django.db import migrations

# `revoked_by_label` may be written since the first day.
LINK, ATTEMPT = "purpose, created_by_label", "user_agent"


class Migration(migrations.Migration):
    dependencies = [("sharing", "0002_isolation")]

    operations = [
        migrations.RunSQL(
            f"GRANT UPDATE ({LINK}) ON sharing_sharelink TO hq_app",
            f"REVOKE UPDATE ({LINK}) ON sharing_sharelink FROM hq_app",
        ),
        migrations.RunSQL(
            f"GRANT UPDATE ({ATTEMPT}) ON sharing_shareattempt TO hq_app",
            f"REVOKE UPDATE ({ATTEMPT}) ON sharing_shareattempt FROM hq_app",
        ),
    ]
