"""The database itself refuses a second factor that is not sealed, whoever writes it. The table is new and empty."""

from django.db import migrations

SEALED = """
    ALTER TABLE mfa_authenticator ADD CONSTRAINT tenants_factor_is_sealed CHECK (
        coalesce(jsonb_typeof(data) = 'object', false)
        AND coalesce(jsonb_typeof(data -> 'sealed') = 'string', false)
        AND data - 'sealed' = '{}'::jsonb
        AND length(data ->> 'sealed') % 4 = 0
        AND data ->> 'sealed' ~ '^[A-Za-z0-9+/]{44,}={0,2}$'
    )
"""
OPEN = "ALTER TABLE mfa_authenticator DROP CONSTRAINT tenants_factor_is_sealed"


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial"), ("mfa", "0003_authenticator_type_uniq")]

    operations = [migrations.RunSQL(SEALED, OPEN)]
