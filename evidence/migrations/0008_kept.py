"""One kind of incident more: a checkpoint that the archive keeps and the log does not go on from."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evidence", "0007_watched")]

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
                    ("kept", "Kept"),
                    ("altered", "Altered"),
                    ("unfit", "Unfit"),
                ],
                max_length=10,
            ),
        ),
    ]
