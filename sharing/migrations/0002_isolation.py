"""Whose links may be seen, what may never be changed about them, and how a token finds its tenant."""

from django.db import migrations

from hq.db.operations import CompositeKey, LookupAccess, LookupFunction, TenantTable

# What a link gives and until when is settled when it is made: the application cannot widen or lengthen it afterwards.
LINK_GRANTS = "SELECT, INSERT, DELETE, UPDATE (opened_at, opened_ip, revoked_at, revoked_by_id, revoked_by_label)"
# What happened is added and read. It goes only with its link, by the reference below.
RECORD_GRANTS = "SELECT, INSERT"

EXPIRED = """
SELECT DISTINCT session.organization_id FROM public.sharing_sharesession AS session WHERE session.expires_at <= statement_timestamp()
UNION
SELECT DISTINCT link.organization_id FROM public.sharing_sharelink AS link
WHERE link.revoked_at < ended_before
   OR (link.revoked_at IS NULL AND link.opened_at < ended_before - interval '15 minutes')
   OR (link.revoked_at IS NULL AND link.opened_at IS NULL AND link.expires_at < ended_before)
"""


class Migration(migrations.Migration):
    dependencies = [("sharing", "0001_tables")]

    operations = [
        TenantTable(table="sharing_sharelink", grants=LINK_GRANTS),
        TenantTable(table="sharing_sharepath", grants=RECORD_GRANTS),
        TenantTable(table="sharing_sharesession", grants="SELECT, INSERT, DELETE"),
        TenantTable(table="sharing_shareattempt", grants=RECORD_GRANTS),
        CompositeKey(table="sharing_sharelink", column="environment_id", to="tenants_environment", on_delete="CASCADE"),
        CompositeKey(table="sharing_sharelink", column="membership_id", to="tenants_membership", on_delete="SET NULL"),
        CompositeKey(table="sharing_sharelink", column="api_key_id", to="tenants_apikey", on_delete="SET NULL"),
        CompositeKey(table="sharing_sharepath", column="link_id", to="sharing_sharelink", on_delete="CASCADE"),
        CompositeKey(table="sharing_sharesession", column="link_id", to="sharing_sharelink", on_delete="CASCADE"),
        CompositeKey(table="sharing_shareattempt", column="link_id", to="sharing_sharelink", on_delete="CASCADE"),
        LookupAccess(table="sharing_sharelink"),
        LookupAccess(table="sharing_sharesession"),
        LookupFunction(
            name="sharing_find_link",
            arguments="link_id uuid",
            returns="TABLE (organization_id uuid)",
            body="SELECT link.organization_id FROM public.sharing_sharelink AS link WHERE link.id = link_id",
        ),
        LookupFunction(
            name="sharing_find_session",
            arguments="digest bytea",
            returns="TABLE (organization_id uuid)",
            body="SELECT session.organization_id FROM public.sharing_sharesession AS session WHERE session.token_digest = digest",
        ),
        LookupFunction(
            name="sharing_find_expired",
            arguments="ended_before timestamptz",
            returns="TABLE (organization_id uuid)",
            body=EXPIRED,
        ),
    ]
