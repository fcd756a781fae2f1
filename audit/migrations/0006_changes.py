"""What is written past the application leaves an event too: here is where its database trigger notes it (audit.watch).

The trigger asks whether the transaction added to a chain, so the head says which transaction did so last.
"""

import django.contrib.postgres.fields
from django.db import migrations, models

import hq.lib.ids
from hq.db.operations import APP, AppendOnly, LookupAccess, LookupFunction, TenantTable

ID = ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False))


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_months")]

    operations = [
        migrations.AddField("chainhead", "xid", models.BigIntegerField(db_default=0, default=0)),
        migrations.RunSQL(
            f"GRANT UPDATE (xid) ON audit_chainhead TO {APP}", f"REVOKE UPDATE (xid) ON audit_chainhead FROM {APP}"
        ),
        migrations.CreateModel(
            name="Change",
            fields=[
                ID,
                ("organization_id", models.UUIDField()),
                ("at", models.DateTimeField()),
                ("table", models.CharField(max_length=63)),
                ("row_id", models.UUIDField()),
                ("operation", models.CharField(max_length=6)),
                (
                    "columns",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=63), size=None),
                ),
                ("role", models.CharField(max_length=63)),
                ("xid", models.BigIntegerField()),
            ],
            options={"indexes": [models.Index(fields=["organization_id", "xid"], name="audit_change_xid")]},
        ),
        migrations.CreateModel(
            name="ToldChange",
            fields=[ID, ("organization_id", models.UUIDField()), ("event_id", models.UUIDField())],
        ),
        # Nobody writes to the first but the trigger's function.
        TenantTable(table="audit_change", grants="SELECT", references=False),
        AppendOnly(table="audit_change"),
        TenantTable(table="audit_toldchange", grants="SELECT, INSERT", references=False),
        AppendOnly(table="audit_toldchange"),
        LookupAccess(table="audit_change", privileges="SELECT, INSERT"),
        LookupAccess(table="audit_toldchange", privileges="SELECT (id)"),
        LookupFunction(
            name="audit_find_changed",
            arguments="",
            returns="TABLE (organization_id uuid)",
            body="""
                SELECT DISTINCT c.organization_id FROM public.audit_change c
                WHERE NOT EXISTS (SELECT FROM public.audit_toldchange t WHERE t.id = c.id)
                LIMIT 1000
            """,
        ),
    ]
