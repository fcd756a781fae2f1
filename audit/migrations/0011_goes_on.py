"""What the running role may write of the trail besides entries only ever goes on from what it was.

It has to move the heads of chains and logs, grow tiles, and say which change was told. Whoever runs SQL as that role
could set a head back, say in it that a transaction had left an event, or call a change told, and nothing was left of it.
The rules are the triggers' own conditions, which cost an act next to nothing.

A check that was kept under a time to come - the clock was ahead, or somebody wrote it - no longer puts off the next
one. And an operator's list says of a trail that it is broken if the last check of any of its logs found it so.
"""

from importlib import import_module

from django.db import migrations

from audit.monthly import OnlyGoesOn, Replaced
from hq.crypto.chain import GENESIS
from hq.db.operations import LookupFunction

XID = "pg_current_xact_id()::text::bigint"
NOTHING = f"'\\x{GENESIS.hex()}'"
SOON = "clock_timestamp() + interval '1 hour'"

REFUSES = """
    CREATE FUNCTION public.audit_goes_on() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $hq$
        BEGIN
            RAISE EXCEPTION '% only goes on from what it was', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
        END
    $hq$
"""
# By one event of this transaction; or it is said that somebody hears of events, and nothing else.
HEAD = f"""
    NEW.heard >= OLD.heard AND (
        NEW.length = OLD.length + 1 AND NEW.previous = OLD.hash AND NEW.at >= coalesce(OLD.at, NEW.at) AND NEW.xid = {XID}
        OR NEW.length = OLD.length AND NEW.hash = OLD.hash AND NEW.xid = OLD.xid
            AND NEW.previous IS NOT DISTINCT FROM OLD.previous AND NEW.at IS NOT DISTINCT FROM OLD.at
    )
"""
NEW_HEAD = f"NEW.length = 0 AND NEW.hash = {NOTHING} AND NEW.xid = 0 AND NEW.previous IS NULL AND NEW.at IS NULL"
LOG = """
    NEW.dropped >= OLD.dropped AND (NEW.size > OLD.size OR NEW.size = OLD.size AND NEW.hash = OLD.hash)
"""
NEW_LOG = f"NEW.size = 0 AND NEW.hash = {NOTHING} AND NEW.dropped = 0"

# Only in the transaction that has just told it: by the newest event of the organization's chain, or the deployment's.
TOLD = f"""
    BEGIN
        PERFORM FROM said s WHERE NOT EXISTS (
            SELECT FROM public.audit_auditevent e
            JOIN public.audit_chainhead h
                ON h.organization_id = e.organization_id AND h.environment_id = e.environment_id AND h.length = e.index
            WHERE e.id = s.event_id AND e.tag = 'database:changed' AND h.xid = {XID}
                AND e.organization_id IN (s.organization_id, '00000000-0000-0000-0000-000000000000')
        );
        IF FOUND THEN
            RAISE EXCEPTION 'no event tells of it' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NULL;
    END
"""
TELLS = """
    CREATE TRIGGER told AFTER INSERT ON audit_toldchange REFERENCING NEW TABLE AS said
    FOR EACH STATEMENT EXECUTE FUNCTION public.audit_is_told()
"""

OLD_DUE = import_module("audit.migrations.0004_logs_and_trees").DUE
DUE = OLD_DUE.replace("v.at >= before", f"v.at >= before AND v.at < {SOON}")
OLD_LAST = import_module("audit.migrations.0002_last_events").LAST
LAST = f"""
    SELECT h.organization_id, max(newest.at), sum(h.length)::bigint, EXISTS (
        SELECT FROM (
            SELECT c.environment_id, 'admin' AS log FROM public.audit_chainhead c
            WHERE c.organization_id = h.organization_id
            UNION ALL
            SELECT t.environment_id, t.log FROM public.audit_loghead t
            WHERE t.organization_id = h.organization_id AND t.log = 'access'
        ) logs, LATERAL (
            SELECT v.first_bad FROM public.audit_chainverification v
            WHERE v.organization_id = h.organization_id AND v.environment_id = logs.environment_id
                AND v.log = logs.log AND v.at < {SOON}
            ORDER BY v.at DESC LIMIT 1
        ) checked WHERE checked.first_bad IS NOT NULL
    )
    FROM public.audit_chainhead h
    LEFT JOIN LATERAL (
        SELECT e.at FROM public.audit_auditevent e
        WHERE e.organization_id = h.organization_id AND e.environment_id = h.environment_id ORDER BY e.at DESC LIMIT 1
    ) newest ON true
    WHERE h.organization_id = ANY (organizations) GROUP BY h.organization_id
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0010_heard")]

    operations = [
        migrations.RunSQL(REFUSES, "DROP FUNCTION public.audit_goes_on()"),
        OnlyGoesOn(table="audit_chainhead", born=NEW_HEAD, goes_on=HEAD),
        OnlyGoesOn(table="audit_loghead", born=NEW_LOG, goes_on=LOG),
        OnlyGoesOn(table="audit_tile", goes_on="substr(NEW.hashes, 1, length(OLD.hashes)) = OLD.hashes"),
        OnlyGoesOn(table="audit_accessentry", born=f"NEW.xid = {XID}"),
        LookupFunction(
            name="audit_is_told", arguments="", returns="trigger", body=TOLD, language="plpgsql", volatility="VOLATILE"
        ),
        migrations.RunSQL(
            [
                "GRANT SELECT (tag) ON audit_auditevent TO hq_lookup",
                "SET ROLE hq_lookup",  # whoever makes the trigger has to be allowed to call it
                "REVOKE ALL ON FUNCTION public.audit_is_told() FROM hq_app",
                "GRANT EXECUTE ON FUNCTION public.audit_is_told() TO hq_owner",
                "RESET ROLE",
                TELLS,
            ],
            ["DROP TRIGGER told ON audit_toldchange", "REVOKE SELECT (tag) ON audit_auditevent FROM hq_lookup"],
        ),
        Replaced(
            name="audit_find_due",
            arguments="before timestamptz",
            returns="TABLE (organization_id uuid, environment_id uuid, log text)",
            old=OLD_DUE,
            new=DUE,
        ),
        Replaced(
            name="audit_last_events",
            arguments="organizations uuid[]",
            returns="TABLE (organization_id uuid, last_at timestamptz, events bigint, broken boolean)",
            old=OLD_LAST,
            new=LAST,
        ),
    ]
