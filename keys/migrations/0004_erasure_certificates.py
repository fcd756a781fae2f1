"""A third kind of statement: what is left to say of an organization or a person that was erased."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keys", "0003_key_ages")]

    operations = [
        migrations.AlterField(
            model_name="statement",
            name="kind",
            field=models.CharField(
                choices=[("deletion", "Deletion"), ("erasure", "Erasure"), ("rotation", "Rotation")], max_length=8
            ),
        ),
    ]
