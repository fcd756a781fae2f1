"""Deleted files below some folders are found without passing over the live ones."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0004_operators"),
        ("vault", "0004_sizes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="storedobject",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", False)),
                fields=["organization", "environment", "path"],
                name="vault_deleted_by_path",
            ),
        ),
    ]
