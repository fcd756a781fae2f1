"""One kind of incident more: an entry whose sealed detail was changed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("evidence", "0004_exports"),
    ]

    operations = [
        migrations.AlterField(
            model_name="incident",
            name="kind",
            field=models.CharField(
                choices=[
                    ("shorter", "Shorter"),
                    ("forked", "Forked"),
                    ("damaged", "Damaged"),
                    ("broken", "Broken"),
                    ("witness", "Witness"),
                    ("altered", "Altered"),
                ],
                max_length=10,
            ),
        ),
    ]
