"""Whose erasures and holds may be seen, and what the database itself holds: no row of a customer goes before its time.

The running role may now delete an organization, an object and a version of one, and a line of a person's own log. Each
of these has a rule beside the grant, so that a mistake or a thief in the running role cannot make use of it.
"""

from django.db import migrations

from hq.db.operations import REFUSAL, LookupAccess, LookupFunction, TenantTable

ERASURE = (
    "state, approved_at, approved_by_id, approved_by_label, due_at, looked_at, began_at, counts, facts, known, addresses,"
    " ended_at, ended_by_id, statement_id"
)
PERSON = "state, due_at, address, ended_at, ended_by_id, statement_id"
# What it covers is settled when it is placed: nobody narrows a hold, it is lifted and another one placed.
HOLD = "name, reason, placed_by_label, lifted_at, lifted_by_id, lifted_by_label"

IN_TIME = """
CREATE FUNCTION retention_in_time() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    slack CONSTANT interval := interval '1 hour';
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ('REQUESTED', 'WAITING') OR NEW.requested_at < statement_timestamp() - slack THEN
            RAISE EXCEPTION 'an erasure begins with being asked for' USING ERRCODE = 'check_violation';
        END IF;
    ELSIF NEW.state <> OLD.state AND NOT (OLD.state, NEW.state) IN (
        ('REQUESTED', 'WAITING'), ('REQUESTED', 'CANCELLED'), ('WAITING', 'CANCELLED'), ('WAITING', 'ERASING'),
        ('ERASING', 'ERASED')
    ) THEN
        RAISE EXCEPTION 'an erasure does not go back' USING ERRCODE = 'check_violation';
    ELSIF OLD.approved_by_id IS NOT NULL AND NEW.approved_by_id IS DISTINCT FROM OLD.approved_by_id
        OR OLD.due_at IS NOT NULL AND (NEW.due_at IS NULL OR NEW.due_at < OLD.due_at) THEN
        RAISE EXCEPTION 'an erasure comes no nearer' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.due_at IS NOT NULL AND (TG_OP = 'INSERT' OR OLD.due_at IS NULL)
        AND NEW.due_at < statement_timestamp() + make_interval(days => NEW.days) - slack THEN
        RAISE EXCEPTION 'an erasure waits' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.state = 'ERASING' AND OLD.state <> 'ERASING' AND (
        NEW.due_at > statement_timestamp()
        OR EXISTS (SELECT FROM public.retention_hold AS hold WHERE hold.organization_id = NEW.organization_id AND hold.lifted_at IS NULL)
    ) THEN
        RAISE EXCEPTION 'an erasure is not due, or held' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""
PERSON_IN_TIME = """
CREATE FUNCTION retention_person_in_time() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'WAITING' OR NEW.due_at < statement_timestamp() + interval '7 days' - interval '1 hour' THEN
            RAISE EXCEPTION 'an erasure waits' USING ERRCODE = 'check_violation';
        END IF;
    ELSIF NEW.state <> OLD.state AND OLD.state <> 'WAITING' OR NEW.due_at < OLD.due_at
        OR NEW.state = 'ERASED' AND OLD.state = 'WAITING' AND NEW.due_at > statement_timestamp() THEN
        RAISE EXCEPTION 'an erasure does not go back, nor comes nearer' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""
HELD = """
CREATE FUNCTION retention_held(organization uuid, path text) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM public.retention_hold AS hold WHERE hold.organization_id = organization AND hold.lifted_at IS NULL
            AND (hold.prefixes = '{}' OR EXISTS (SELECT FROM unnest(hold.prefixes) AS prefix WHERE starts_with(path, prefix)))
    )
$$
"""
ERASING = """
CREATE FUNCTION retention_erasing(organization uuid) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM public.retention_erasure AS wish WHERE wish.organization_id = organization AND wish.state = 'ERASING'
    )
$$
"""
# Below another trigger, a row goes with what it belongs to.
ORGANIZATION_GOES = """
CREATE FUNCTION retention_organization_goes() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT public.retention_erasing(OLD.id) THEN
        RAISE EXCEPTION 'an organization goes by being erased only' USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END $$
"""
OBJECT_GOES = """
CREATE FUNCTION retention_object_goes() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_trigger_depth() = 1 AND NOT public.retention_erasing(OLD.organization_id)
        AND (OLD.deleted_at IS NULL OR public.retention_held(OLD.organization_id, OLD.path)) THEN
        RAISE EXCEPTION 'an object that is shown, or held, does not go' USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END $$
"""
VERSION_GOES = """
CREATE FUNCTION retention_version_goes() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_trigger_depth() = 1 AND NOT public.retention_erasing(OLD.organization_id) AND EXISTS (
        SELECT FROM public.vault_storedobject AS owner
        WHERE owner.organization_id = OLD.organization_id AND owner.id = OLD.object_id
            AND (owner.current = OLD.number OR public.retention_held(OLD.organization_id, owner.path))
    ) THEN
        RAISE EXCEPTION 'a version that is shown, or held, does not go' USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END $$
"""
HOLD_IN_TIME = """
CREATE FUNCTION retention_hold_in_time() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND public.retention_erasing(NEW.organization_id)
        OR TG_OP = 'UPDATE' AND OLD.lifted_at IS NOT NULL AND NEW.lifted_at IS DISTINCT FROM OLD.lifted_at THEN
        RAISE EXCEPTION 'it is too late for this hold' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""
# A person's own log goes with their account, and not before: what is left of one is known by its address.
PERSON_LOG = """
CREATE FUNCTION retention_person_log() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT FROM public.tenants_user AS person
        WHERE person.id = OLD.person_id AND NOT person.is_active AND person.email = 'erased-' || replace(person.id::text, '-', '') || '@erased.invalid'
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""
FUNCTIONS = {
    "retention_held(uuid, text)": HELD,
    "retention_erasing(uuid)": ERASING,
    "retention_in_time()": IN_TIME,
    "retention_person_in_time()": PERSON_IN_TIME,
    "retention_organization_goes()": ORGANIZATION_GOES,
    "retention_object_goes()": OBJECT_GOES,
    "retention_version_goes()": VERSION_GOES,
    "retention_hold_in_time()": HOLD_IN_TIME,
    "retention_person_log()": PERSON_LOG,
}
TRIGGERS = (
    ("in_time", "BEFORE INSERT OR UPDATE", "retention_erasure", "retention_in_time"),
    ("in_time", "BEFORE INSERT OR UPDATE", "retention_personerasure", "retention_person_in_time"),
    ("in_time", "BEFORE INSERT OR UPDATE", "retention_hold", "retention_hold_in_time"),
    ("goes_when_erased", "BEFORE DELETE", "tenants_organization", "retention_organization_goes"),
    ("goes_when_over", "BEFORE DELETE", "vault_storedobject", "retention_object_goes"),
    ("goes_when_over", "BEFORE DELETE", "vault_objectversion", "retention_version_goes"),
)
DELETABLE = ("tenants_organization", "vault_storedobject", "vault_objectversion", "audit_personevent")

ATTENTION = """
    (
        SELECT place.id, 'enforce', NULL::uuid FROM public.tenants_organization AS place
        WHERE place.state = 'READY' AND NOT EXISTS (
            SELECT FROM public.retention_enforcement AS looked
            WHERE looked.organization_id = place.id AND looked.at >= enforced_before
        )
        LIMIT 1000
    )
    UNION ALL
    SELECT wish.organization_id, 'erase', wish.id FROM public.retention_erasure AS wish
    WHERE wish.state = 'ERASING'
        OR (wish.state = 'WAITING' AND (wish.due_at <= moment OR wish.looked_at < moment - interval '1 hour'))
    UNION ALL
    SELECT wish.organization_id, 'erase_person', wish.id FROM public.retention_personerasure AS wish
    WHERE wish.state = 'WAITING' AND wish.due_at <= moment
"""
# Of the people of an organization, who belongs to no other one that stays. Operators belong here.
LEAVING = """
    SELECT own.user_id FROM public.tenants_membership AS own
    JOIN public.tenants_user AS person ON person.id = own.user_id AND NOT person.is_operator
    WHERE own.organization_id = organization AND NOT EXISTS (
        SELECT FROM public.tenants_membership AS other
        JOIN public.tenants_organization AS place ON place.id = other.organization_id AND place.state <> 'ERASING'
        WHERE other.user_id = own.user_id AND other.organization_id <> organization
    )
"""


class Migration(migrations.Migration):
    dependencies = [
        ("retention", "0001_tables"),
        ("audit", "0003_by_actor"),
        ("tenants", "0005_machines"),
        ("vault", "0005_deleted_by_path"),
    ]

    operations = [
        TenantTable(table="retention_period"),
        TenantTable(table="retention_enforcement"),
        TenantTable(table="retention_hold", grants=f"SELECT, INSERT, UPDATE ({HOLD})"),
        # They outlive what they are about.
        TenantTable(table="retention_erasure", grants=f"SELECT, INSERT, UPDATE ({ERASURE})", references=False),
        TenantTable(table="retention_personerasure", grants=f"SELECT, INSERT, UPDATE ({PERSON})", references=False),
        *(migrations.RunSQL(body, f"DROP FUNCTION {signature}") for signature, body in FUNCTIONS.items()),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()",
                f"DROP TRIGGER {name} ON {table}",
            )
            for name, when, table, function in TRIGGERS
        ),
        migrations.RunSQL(
            "DROP TRIGGER append_only ON audit_personevent;"
            " CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_personevent FOR EACH ROW"
            " EXECUTE FUNCTION retention_person_log()",
            "DROP TRIGGER append_only ON audit_personevent;"
            f" CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_personevent FOR EACH ROW {REFUSAL}",
        ),
        *(
            migrations.RunSQL(f"GRANT DELETE ON {table} TO hq_app", f"REVOKE DELETE ON {table} FROM hq_app")
            for table in DELETABLE
        ),
        LookupAccess(table="retention_enforcement"),
        LookupAccess(table="retention_erasure"),
        LookupAccess(table="retention_personerasure"),
        LookupFunction(
            name="retention_attention",
            arguments="moment timestamptz, enforced_before timestamptz",
            returns="TABLE (organization_id uuid, what text, wish uuid)",
            body=ATTENTION,
        ),
        LookupFunction(
            name="retention_leaving", arguments="organization uuid", returns="TABLE (person_id uuid)", body=LEAVING
        ),
    ]
