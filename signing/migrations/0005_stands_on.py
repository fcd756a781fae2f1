"""What the sending of a table stands on: the key that asked for it, and the template as its sender saw it.

A batch that was under way before knows neither, and stops.
"""

import django.db.models.deletion
from django.db import migrations, models

import hq.db.models
from hq.db.operations import CompositeKey


class Migration(migrations.Migration):
    dependencies = [("signing", "0004_stays"), ("tenants", "0005_machines")]

    operations = [
        migrations.AddField("batch", "method", models.CharField(blank=True, db_default="", default="", max_length=10)),
        migrations.AddField(
            "batch",
            "api_key",
            hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="tenants.apikey",
            ),
        ),
        migrations.AddField("batch", "seen", models.BinaryField(null=True)),
        CompositeKey(table="signing_batch", column="api_key_id", to="tenants_apikey", on_delete="SET NULL"),
    ]
