"""Storage credentials that have an area in S3 to which programs send files straight, and how it is found again."""

from django.db import migrations, models

from hq.db.operations import LookupFunction

TABLE = "public.vault_storagecredential"


class Migration(migrations.Migration):
    dependencies = [("vault", "0008_storage_credentials")]

    operations = [
        # Empty tables and tables of other HQs alike: a default of a constant writes no row anew.
        migrations.AddField(
            model_name="storagecredential", name="lands", field=models.BooleanField(default=False, db_default=False)
        ),
        migrations.AddField(
            model_name="storagecredential",
            name="landed",
            field=models.CharField(max_length=64, blank=True, default="", db_default=""),
        ),
        migrations.AddIndex(
            model_name="storagecredential",
            index=models.Index(
                condition=models.Q(("lands", True)), fields=["organization", "id"], name="vault_credential_lands"
            ),
        ),
        migrations.RunSQL(
            f"GRANT UPDATE (lands, landed) ON {TABLE} TO hq_app; GRANT SELECT (lands) ON {TABLE} TO hq_lookup;",
            f"REVOKE UPDATE (lands, landed) ON {TABLE} FROM hq_app; REVOKE SELECT (lands) ON {TABLE} FROM hq_lookup;",
        ),
        LookupFunction(
            name="vault_find_landings",
            arguments="",
            returns="TABLE (organization_id uuid)",
            body=f"SELECT DISTINCT c.organization_id FROM {TABLE} c WHERE c.lands",
        ),
    ]
