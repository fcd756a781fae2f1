"""The organization's own log of requests can be sent too: its name is longer, and its length stands under its own id."""

from typing import Any

from django.db import migrations, models

from hq.db.operations import LookupFunction

BEFORE = """
    SELECT DISTINCT s.organization_id, s.environment_id, s.id
    FROM public.streams_stream s
    JOIN public.streams_position p ON p.organization_id = s.organization_id AND p.stream_id = s.id
    LEFT JOIN public.audit_chainhead h ON p.log = 'admin'
        AND h.organization_id = s.organization_id AND h.environment_id = s.environment_id
    LEFT JOIN public.audit_loghead t ON p.log = 'access' AND t.log = 'access'
        AND t.organization_id = s.organization_id AND t.environment_id = s.environment_id
    WHERE s.state = 'ACTIVE' AND (s.next_at IS NULL OR s.next_at <= due_at)
        AND coalesce(h.length, t.size, 0) > p.acknowledged
"""
AFTER = """
    SELECT DISTINCT s.organization_id, s.environment_id, s.id
    FROM public.streams_stream s
    JOIN public.streams_position p ON p.organization_id = s.organization_id AND p.stream_id = s.id
    LEFT JOIN public.audit_chainhead h ON p.log = 'admin'
        AND h.organization_id = s.organization_id AND h.environment_id = s.environment_id
    LEFT JOIN public.audit_loghead t ON p.log <> 'admin' AND t.log = 'access'
        AND t.organization_id = s.organization_id
        AND t.environment_id = CASE p.log WHEN 'organization' THEN s.organization_id ELSE s.environment_id END
    WHERE s.state = 'ACTIVE' AND (s.next_at IS NULL OR s.next_at <= due_at)
        AND coalesce(h.length, t.size, 0) > p.acknowledged
"""
DUE: dict[str, Any] = {
    "name": "streams_find_due",
    "arguments": "due_at timestamptz",
    "returns": "TABLE (organization_id uuid, environment_id uuid, id uuid)",
}


class Without(LookupFunction):
    """Takes the function away; undone, it is there again."""

    def forwards(self) -> list[str]:
        return super().backwards()

    def backwards(self) -> list[str]:
        return super().forwards()


class Migration(migrations.Migration):
    dependencies = [
        ("streams", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(model_name="position", name="log", field=models.CharField(max_length=12)),
        migrations.AlterField(model_name="batch", name="log", field=models.CharField(blank=True, max_length=12)),
        Without(**DUE, body=BEFORE),
        LookupFunction(**DUE, body=AFTER),
    ]
