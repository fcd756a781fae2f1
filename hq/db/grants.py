"""What the running role may do with tables of other packages. One explicit row each; anything else gets nothing."""

from typing import Any

from django.db import connection, transaction

ALL = "SELECT, INSERT, UPDATE, DELETE"
READ = "SELECT"
EMPTY = "SELECT, DELETE"  # HQ never fills these; deleting an account looks into them
TABLES = {
    "account_emailaddress": ALL,
    "account_emailconfirmation": EMPTY,
    "auth_group": READ,
    "auth_group_permissions": READ,
    "auth_permission": READ,
    "django_content_type": READ,
    "django_migrations": READ,
    "django_session": ALL,
    "mfa_authenticator": ALL,
    "socialaccount_socialaccount": ALL,
    "socialaccount_socialapp": READ,
    "socialaccount_socialtoken": EMPTY,
    "usersessions_usersession": ALL,
}


def apply(**_: Any) -> None:
    """Give these grants and no others after a migration. The running role has no right to, and need not."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user = 'hq_owner'")
        if not cursor.fetchone()[0]:
            return
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        present = {row[0] for row in cursor.fetchall()}
        for table, grants in TABLES.items():
            if table in present:
                cursor.execute(f"REVOKE ALL ON {table} FROM hq_app")
                cursor.execute(f"GRANT {grants} ON {table} TO hq_app")
        cursor.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO hq_app")
