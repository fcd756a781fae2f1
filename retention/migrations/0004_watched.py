"""What is written past the application on these tables is noted, and becomes an event of the trail (audit.watch).

Here and not in each room, as it is one list and the function asks tables of several: whether the transaction added to
the organization's chain, or to the deployment's, which holds what operators do to an organization; and whether the
organization is only being made, or being erased. Then it has no key to seal an event under, and the trail tells of the
making and the erasing as a whole. That the state became one of these is itself watched, unless an erasure is under way.
Times that HQ puts off by itself, where a clock has leapt, are not watched.
"""

from django.db import migrations

from hq.db.operations import LookupFunction, Watched

NOTE = """
    DECLARE
        platform constant uuid := '00000000-0000-0000-0000-000000000000';
        whose uuid;
        before jsonb;
        after jsonb;
        changed text[] := '{}';
    BEGIN
        IF TG_ARGV[0] = 'id' THEN
            whose := coalesce(NEW.id, OLD.id);
        ELSE
            whose := coalesce(NEW.organization_id, OLD.organization_id);
        END IF;
        PERFORM FROM public.audit_chainhead h
            WHERE h.organization_id IN (whose, platform) AND h.xid = pg_current_xact_id()::text::bigint;
        IF FOUND THEN
            RETURN NULL;
        END IF;
        IF TG_TABLE_NAME = 'tenants_organization' THEN
            IF TG_OP = 'UPDATE' AND NEW.state = 'ERASING' THEN
                PERFORM FROM public.retention_erasure e WHERE e.organization_id = whose AND e.state = 'ERASING';
                IF FOUND THEN
                    RETURN NULL;
                END IF;
            END IF;
        ELSIF whose <> platform THEN
            PERFORM FROM public.tenants_organization o
                WHERE o.id = whose AND o.state NOT IN ('PROVISIONING', 'ERASING');
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
        END IF;
        IF TG_OP = 'UPDATE' THEN
            before := to_jsonb(OLD);
            after := to_jsonb(NEW);
            SELECT array_agg(name) INTO changed
            FROM unnest(TG_ARGV[1:]) AS name WHERE before -> name IS DISTINCT FROM after -> name;
        END IF;
        INSERT INTO public.audit_change
            (id, organization_id, at, "table", row_id, operation, columns, role, xid)
        VALUES (
            gen_random_uuid(), whose, clock_timestamp(), TG_TABLE_NAME, coalesce(NEW.id, OLD.id), TG_OP, changed,
            session_user, pg_current_xact_id()::text::bigint
        );
        RETURN NULL;
    END
"""
POLICY = (
    "state name slug region mfa_required mfa_factors mfa_by_provider idle_minutes lifetime_minutes networks"
    " email_domains sso_required break_glass_id reach support_by"
)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0006_changes"),
        ("directory", "0003_attention"),
        ("keys", "0004_erasure_certificates"),
        ("retention", "0003_names_go"),
        ("sharing", "0005_isolation_of_requests"),
        ("tenants", "0005_machines"),
        ("webhooks", "0001_initial"),
        ("workloads", "0001_initial"),
    ]

    operations = [
        LookupFunction(
            name="audit_note_change",
            arguments="",
            returns="trigger",
            body=NOTE,
            language="plpgsql",
            volatility="VOLATILE",
        ),
        migrations.RunSQL(  # whoever makes the triggers has to be allowed to call it
            [
                "SET ROLE hq_lookup",
                "REVOKE ALL ON FUNCTION public.audit_note_change() FROM hq_app",
                "GRANT EXECUTE ON FUNCTION public.audit_note_change() TO hq_owner",
                "RESET ROLE",
            ],
            migrations.RunSQL.noop,
        ),
        Watched(table="tenants_organization", columns=POLICY, on="DELETE", whose="id"),
        Watched(table="tenants_membership", columns="role user_id"),
        Watched(table="tenants_invitation", columns="role token_digest accepted_at revoked_at", on="INSERT"),
        Watched(table="tenants_group", columns="name source"),
        Watched(table="tenants_groupmember", columns="group_id membership_id"),
        Watched(table="tenants_aclentry", columns="prefix level membership_id group_id service_account_id"),
        Watched(
            table="tenants_apikey",
            columns="name lookup hash scopes networks expires_at revoked_at service_account_id environment_id",
        ),
        Watched(table="tenants_serviceaccount", columns="name ended_at"),
        Watched(table="tenants_accessrequest", columns="writes minutes subject_id approved started_at ends_at"),
        Watched(table="directory_domain", columns="name challenge verified_at"),
        Watched(table="directory_ssoconnection", columns="kind protocol name state default_role joins"),
        Watched(table="directory_scimtoken", columns="token_digest revoked_at"),
        Watched(table="webhooks_endpoint", columns="name events state"),
        Watched(table="webhooks_secret", columns="public"),
        Watched(table="workloads_trust", columns="name kind scopes seconds single_use disabled_at service_account_id"),
        Watched(
            table="sharing_sharingrule",
            columns="longest_seconds password_required domains write_allowed requests_allowed",
        ),
        Watched(table="keys_cmk", columns="provider ref state version customer_owned", on="DELETE"),
        Watched(table="retention_period", columns="name days"),
        Watched(table="retention_hold", columns="prefixes lifted_at"),
        Watched(table="retention_erasure", columns="state"),
    ]
