"""Who is an operator is settled on the server only, and what operators may see of every organization (ACC-10, ACC-11).

The running role could write `is_operator` like any column, so one statement slipped in would have made an operator of
anybody. A grant on columns cannot say it, because a row is always written as a whole; a trigger can.
"""

from django.db import migrations

from hq.db.operations import APP, LOOKUP, LookupFunction

FUNCTION = """
CREATE FUNCTION tenants_operators() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_user <> 'hq_owner' THEN
        RAISE EXCEPTION 'operators are made and unmade by hq_owner only'
            USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'tenants_operators_are_made_on_the_server';
    END IF;
    RETURN NEW;
END $$
"""
INSERTED = """
CREATE TRIGGER tenants_operator_inserted BEFORE INSERT ON tenants_user
FOR EACH ROW WHEN (NEW.is_operator) EXECUTE FUNCTION tenants_operators()
"""
CHANGED = """
CREATE TRIGGER tenants_operator_changed BEFORE UPDATE ON tenants_user
FOR EACH ROW WHEN (OLD.is_operator IS DISTINCT FROM NEW.is_operator) EXECUTE FUNCTION tenants_operators()
"""

# A request nobody has answered, or one that was agreed to: it can still come to something.
OPEN = "r.ended_at IS NULL AND r.approved IS NOT FALSE AND coalesce(r.ends_at, r.answer_before) > now()"
RUNNING = "r.ended_at IS NULL AND r.started_at IS NOT NULL AND r.ends_at > now()"
ORGANIZATIONS = f"""
    SELECT o.id, o.name::text, o.slug::text, o.state::text, o.region::text, o.support_by::text, o.created_at,
           (SELECT count(*) FROM public.tenants_membership m WHERE m.organization_id = o.id),
           (SELECT count(*) FROM public.tenants_accessrequest r WHERE r.organization_id = o.id AND {RUNNING})
    FROM public.tenants_organization o
    WHERE (one IS NULL OR o.id = one) AND (wanted = '' OR o.state = wanted) AND (before IS NULL OR o.id < before)
        AND (words = '' OR position(lower(words) IN lower(o.name)) > 0 OR position(lower(words) IN o.slug) > 0
             OR o.id::text = lower(words))
    ORDER BY o.id DESC LIMIT most
"""
REQUESTS = f"""
    SELECT r.id, r.organization_id, o.name::text, o.slug::text, o.state::text, o.support_by::text, r.operator_id,
           r.minutes, r.writes, r.subject_id IS NOT NULL, r.requested_at, r.answer_before, r.decided_at, r.approved,
           r.started_at, r.ends_at, r.ended_at
    FROM public.tenants_accessrequest r JOIN public.tenants_organization o ON o.id = r.organization_id
    WHERE (one IS NULL OR r.id = one) AND (organization IS NULL OR r.organization_id = organization)
        AND (asker IS NULL OR r.operator_id = asker) AND (before IS NULL OR r.id < before)
        AND (NOT only_open OR ({OPEN}))
    ORDER BY r.id DESC LIMIT most
"""
OVERDUE = """
    SELECT r.organization_id, r.id FROM public.tenants_accessrequest r
    WHERE r.ended_at IS NULL AND r.approved IS NOT FALSE AND coalesce(r.ends_at, r.answer_before) <= now()
    ORDER BY r.id LIMIT 1000
"""
FORMER = LookupFunction(
    name="tenants_list_support",
    arguments="before uuid, most int",
    returns="TABLE (request_id uuid, organization_id uuid, name text, slug text, support_by text)",
    body="""
        SELECT r.id, o.id, o.name::text, o.slug::text, o.support_by::text
        FROM public.tenants_accessrequest r JOIN public.tenants_organization o ON o.id = r.organization_id
        WHERE before IS NULL OR r.id < before ORDER BY r.id DESC LIMIT most
    """,
)
LIST = "tenants_list_requests(uuid, uuid, uuid, uuid, boolean, int)"
# Who unmakes an operator ends what they have begun, and does so as the owner.
FOR_OWNER = [f"SET ROLE {LOOKUP}", f"GRANT EXECUTE ON FUNCTION public.{LIST} TO hq_owner", "RESET ROLE"]
NOT_FOR_OWNER = [f"SET ROLE {LOOKUP}", f"REVOKE EXECUTE ON FUNCTION public.{LIST} FROM hq_owner", "RESET ROLE"]


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_access")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION tenants_operators()"),
        migrations.RunSQL(f"REVOKE ALL ON FUNCTION tenants_operators() FROM PUBLIC, {APP}", migrations.RunSQL.noop),
        migrations.RunSQL(INSERTED, "DROP TRIGGER tenants_operator_inserted ON tenants_user"),
        migrations.RunSQL(CHANGED, "DROP TRIGGER tenants_operator_changed ON tenants_user"),
        LookupFunction(
            name="tenants_list_for_operator",
            arguments="one uuid, words text, wanted text, before uuid, most int",
            returns="TABLE (id uuid, name text, slug text, state text, region text, support_by text,"
            " created_at timestamptz, members bigint, support_running bigint)",
            body=ORGANIZATIONS,
        ),
        # Support requests of every organization, newest first: ids, times and states, nothing sealed.
        LookupFunction(
            name="tenants_list_requests",
            arguments="one uuid, organization uuid, asker uuid, before uuid, only_open boolean, most int",
            returns="TABLE (id uuid, organization_id uuid, name text, slug text, organization_state text,"
            " support_by text, operator_id uuid, minutes smallint, writes boolean, as_member boolean,"
            " requested_at timestamptz, answer_before timestamptz, decided_at timestamptz, approved boolean,"
            " started_at timestamptz, ends_at timestamptz, ended_at timestamptz)",
            body=REQUESTS,
        ),
        migrations.RunSQL(FOR_OWNER, NOT_FOR_OWNER),
        LookupFunction(
            name="tenants_find_overdue_support",
            arguments="",
            returns="TABLE (organization_id uuid, request_id uuid)",
            body=OVERDUE,
        ),
        migrations.RunSQL(FORMER.backwards(), FORMER.forwards()),
    ]
