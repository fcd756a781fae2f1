"""Let a rotation bring what stands under an older data key under the current one.

The running role could change nothing of a version. It now may seal its words again, and let it refer to the new file of
the same content. Nothing else of a version changes; and that the file is of the same content the database cannot know,
but of the same environment and size, whole, and under a newer key it sees.
"""

from django.db import migrations

COLUMNS = "blob_id, sha256, content_type, created_by"

FUNCTION = """
CREATE FUNCTION vault_same_content() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.vault_blob AS former
        JOIN public.vault_blob AS newer
            ON newer.organization_id = former.organization_id AND newer.environment_id = former.environment_id
            AND newer.sealed_size = former.sealed_size AND newer.key_version > former.key_version
        WHERE former.organization_id = OLD.organization_id AND former.id = OLD.blob_id
            AND newer.id = NEW.blob_id AND newer.state = 'STORED'
    ) THEN
        RAISE EXCEPTION 'a version keeps its content: only the same bytes under a newer key may take their place'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'vault_version_keeps_its_content';
    END IF;
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE TRIGGER vault_version_keeps_its_content BEFORE UPDATE OF blob_id ON vault_objectversion
FOR EACH ROW WHEN (OLD.blob_id IS DISTINCT FROM NEW.blob_id) EXECUTE FUNCTION vault_same_content()
"""


class Migration(migrations.Migration):
    dependencies = [("vault", "0002_isolation")]

    operations = [
        migrations.RunSQL(
            f"GRANT UPDATE ({COLUMNS}) ON vault_objectversion TO hq_app",
            f"REVOKE UPDATE ({COLUMNS}) ON vault_objectversion FROM hq_app",
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION vault_same_content()"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER vault_version_keeps_its_content ON vault_objectversion"),
    ]
