"""Whose requests, rules and receipts may be seen, what may never be changed about them, and how a request is found."""

from django.db import migrations

from hq.db.operations import CompositeKey, LookupAccess, LookupFunction, TenantTable

# As with links: what a request takes, and where, is settled when it is made. Columns that a rotation seals again may be
# written, as may the two counts.
REQUEST_GRANTS = (
    "SELECT, INSERT, DELETE, UPDATE (files, size, closed_at, closed_by_id, closed_by_label, purpose, created_by_label)"
)
# A file that was on its way has come or was refused; nothing else about a try is changed.
UPLOAD_GRANTS = "SELECT, INSERT, UPDATE (kind, reason, sha256, user_agent)"
RECEIPT_GRANTS = "SELECT, INSERT, UPDATE (files, statement)"

DUE = """
SELECT DISTINCT request.organization_id FROM public.sharing_uploadrequest AS request
WHERE request.closed_at < ended_before OR (request.closed_at IS NULL AND request.expires_at < ended_before)
UNION
SELECT DISTINCT attempt.organization_id FROM public.sharing_uploadattempt AS attempt
WHERE attempt.kind = 'arriving' AND attempt.at < begun_before
"""


class Migration(migrations.Migration):
    dependencies = [("sharing", "0004_requests_rules_receipts")]

    operations = [
        TenantTable(table="sharing_uploadrequest", grants=REQUEST_GRANTS),
        TenantTable(table="sharing_uploadattempt", grants=UPLOAD_GRANTS),
        TenantTable(table="sharing_sharereceipt", grants=RECEIPT_GRANTS),
        TenantTable(table="sharing_sharingrule"),
        CompositeKey(
            table="sharing_uploadrequest", column="environment_id", to="tenants_environment", on_delete="CASCADE"
        ),
        CompositeKey(
            table="sharing_uploadrequest", column="membership_id", to="tenants_membership", on_delete="SET NULL"
        ),
        CompositeKey(table="sharing_uploadrequest", column="api_key_id", to="tenants_apikey", on_delete="SET NULL"),
        CompositeKey(
            table="sharing_uploadattempt", column="request_id", to="sharing_uploadrequest", on_delete="CASCADE"
        ),
        CompositeKey(table="sharing_sharereceipt", column="link_id", to="sharing_sharelink", on_delete="CASCADE"),
        CompositeKey(table="sharing_sharingrule", column="group_id", to="tenants_group", on_delete="CASCADE"),
        LookupAccess(table="sharing_uploadrequest"),
        LookupAccess(table="sharing_uploadattempt"),
        LookupFunction(
            name="sharing_find_request",
            arguments="digest bytea",
            returns="TABLE (organization_id uuid)",
            body="SELECT request.organization_id FROM public.sharing_uploadrequest AS request"
            " WHERE request.token_digest = digest",
        ),
        LookupFunction(
            name="sharing_find_due",
            arguments="ended_before timestamptz, begun_before timestamptz",
            returns="TABLE (organization_id uuid)",
            body=DUE,
        ),
        migrations.RunSQL(
            "GRANT UPDATE (recipient) ON sharing_sharelink TO hq_app",
            "REVOKE UPDATE (recipient) ON sharing_sharelink FROM hq_app",
        ),
    ]
