"""Who has a webhook hears of its environment's events from then on (audit/migrations/0010_heard.py)."""

from django.db import migrations

HEAR = """
    CREATE FUNCTION public.webhooks_hear() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $hq$
        BEGIN
            PERFORM public.audit_hear(NEW.organization_id, NEW.environment_id);
            RETURN NULL;
        END
    $hq$
"""
TABLES = ("audit_chainhead", "webhooks_endpoint")
# The owner sees every organization for as long as this transaction takes.
BEFORE = [
    *(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY" for table in TABLES),
    "UPDATE audit_chainhead h SET heard = true FROM webhooks_endpoint e"
    " WHERE (e.organization_id, e.environment_id) = (h.organization_id, h.environment_id)",
    *(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY" for table in TABLES),
]


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial"), ("audit", "0010_heard")]

    operations = [
        migrations.RunSQL(
            [
                HEAR,
                "CREATE TRIGGER webhooks_heard AFTER INSERT OR UPDATE OF organization_id, environment_id, state"
                " ON webhooks_endpoint FOR EACH ROW EXECUTE FUNCTION public.webhooks_hear()",
                *BEFORE,
            ],
            ["DROP TRIGGER webhooks_heard ON webhooks_endpoint", "DROP FUNCTION public.webhooks_hear()"],
        ),
    ]
