"""Whose agreements may be seen, and in which order anything may happen to them (ISO-1, SIG-1).

The triggers say again what the actions say: no step out of order, no signing after the end, nobody before their turn.
"""

from django.db import migrations

from hq.db.operations import ALL, CompositeKey, LookupAccess, LookupFunction, PlainTable, TenantTable

# What was said and done is settled when it is; the sealed columns may be written so that a rotation can seal them anew.
STEP = "SELECT, INSERT, DELETE, UPDATE (document, detail)"
PAPER = "SELECT, INSERT, DELETE, UPDATE (blob_id, sha256)"
CODE = "SELECT, INSERT, DELETE, UPDATE (tries, used_at)"
SESSION = "SELECT, INSERT, DELETE"

AGREEMENT_ORDER = """
CREATE FUNCTION signing_agreement_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('draft', 'sent'), ('sent', 'signed'), ('sent', 'declined'), ('sent', 'expired'), ('sent', 'voided'),
        ('signed', 'sealed')
    ) THEN
        RAISE EXCEPTION 'an agreement does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_agreement_in_order';
    END IF;
    IF NEW.state = 'signed' AND EXISTS (
        SELECT FROM public.signing_signer AS signer
        WHERE signer.organization_id = NEW.organization_id AND signer.agreement_id = NEW.id
          AND signer.kind <> 'viewer' AND signer.state NOT IN ('signed', 'delegated')
    ) THEN
        RAISE EXCEPTION 'somebody has not signed yet'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_whole_once_all_signed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signing_agreement_in_order BEFORE UPDATE OF state ON signing_agreement
FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION signing_agreement_order();
"""
# Once it was sent, the document stays.
DOCUMENT_STAYS = """
CREATE FUNCTION signing_document_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the document of an agreement that was sent does not change'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_document_stays';
END $$;
CREATE TRIGGER signing_document_stays BEFORE UPDATE OF version, source, document_id ON signing_agreement
FOR EACH ROW WHEN (
    OLD.state <> 'draft'
    AND (OLD.version, OLD.source, OLD.document_id) IS DISTINCT FROM (NEW.version, NEW.source, NEW.document_id)
) EXECUTE FUNCTION signing_document_stays();
"""
# Everything begins at its beginning.
BORN = """
CREATE FUNCTION signing_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'nothing is born %', NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_born_at_the_beginning';
END $$;
CREATE TRIGGER signing_agreement_born BEFORE INSERT ON signing_agreement
FOR EACH ROW WHEN (NEW.state <> 'draft') EXECUTE FUNCTION signing_born();
CREATE TRIGGER signing_signer_born BEFORE INSERT ON signing_signer
FOR EACH ROW WHEN (NEW.state <> 'waiting') EXECUTE FUNCTION signing_born();
"""
# Once it was sent, nobody is asked for more or for less, nor elsewhere. Who has to fill it in may be handed on.
FIELDS_STAY = """
CREATE FUNCTION signing_fields_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.signing_agreement AS agreement
        WHERE agreement.organization_id = NEW.organization_id AND agreement.id = NEW.agreement_id
          AND agreement.state = 'draft'
    ) THEN
        RAISE EXCEPTION 'the fields of an agreement that was sent do not change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_fields_stay';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signing_fields_come_first BEFORE INSERT ON signing_field
FOR EACH ROW EXECUTE FUNCTION signing_fields_stay();
CREATE TRIGGER signing_fields_stay BEFORE UPDATE OF agreement_id, number, kind, page, x, y, width, height, required
ON signing_field FOR EACH ROW EXECUTE FUNCTION signing_fields_stay();
"""
KEEPS = """
CREATE TRIGGER signing_paper_keeps_its_content BEFORE UPDATE OF blob_id ON signing_paper
FOR EACH ROW WHEN (OLD.blob_id IS DISTINCT FROM NEW.blob_id) EXECUTE FUNCTION vault_same_content()
"""
SIGNER_ORDER = """
CREATE FUNCTION signing_signer_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    agreed text;
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('waiting', 'sent'), ('sent', 'viewed'), ('viewed', 'consented'), ('consented', 'signed'),
        ('sent', 'declined'), ('viewed', 'declined'), ('consented', 'declined'),
        ('sent', 'delegated'), ('viewed', 'delegated'), ('consented', 'delegated')
    ) AND NOT (  -- somebody else's address: they have seen nothing yet
        OLD.state = 'viewed' AND NEW.state = 'sent' AND NEW.generation > OLD.generation
    ) THEN
        RAISE EXCEPTION 'a signer does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_signer_in_order';
    END IF;
    SELECT state INTO agreed FROM public.signing_agreement
    WHERE organization_id = NEW.organization_id AND id = NEW.agreement_id;
    IF agreed IS DISTINCT FROM 'sent' THEN
        RAISE EXCEPTION 'nobody acts on an agreement that is %', agreed
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_only_while_sent';
    END IF;
    IF EXISTS (
        SELECT FROM public.signing_signer AS other
        WHERE other.organization_id = NEW.organization_id AND other.agreement_id = NEW.agreement_id
          AND other.turn < NEW.turn AND other.kind <> 'viewer' AND other.state NOT IN ('signed', 'delegated')
    ) THEN
        RAISE EXCEPTION 'it is somebody else''s turn'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_in_turn';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signing_signer_in_order BEFORE UPDATE OF state ON signing_signer
FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION signing_signer_order();
"""
# A step hangs on the one before it, whoever writes it; the first on the agreement's own id (signing.actions.chain).
STEP_ORDER = r"""
CREATE FUNCTION signing_step_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.index = 1 THEN
        IF NEW.previous <> sha256('\x68712d61677265656d656e742d763100'::bytea || uuid_send(NEW.agreement_id)) THEN
            RAISE EXCEPTION 'the first step hangs on its agreement'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_step_hangs_on_one';
        END IF;
    ELSIF NOT EXISTS (
        SELECT FROM public.signing_step AS before
        WHERE before.organization_id = NEW.organization_id AND before.agreement_id = NEW.agreement_id
          AND before.index = NEW.index - 1 AND before.hash = NEW.previous
    ) THEN
        RAISE EXCEPTION 'a step hangs on the one before it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_step_hangs_on_one';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signing_step_hangs_on_one BEFORE INSERT ON signing_step
FOR EACH ROW EXECUTE FUNCTION signing_step_order();
"""
DROP = {
    BORN: "DROP TRIGGER signing_agreement_born ON signing_agreement; DROP TRIGGER signing_signer_born ON signing_signer;"
    " DROP FUNCTION signing_born()",
    FIELDS_STAY: "DROP TRIGGER signing_fields_come_first ON signing_field;"
    " DROP TRIGGER signing_fields_stay ON signing_field; DROP FUNCTION signing_fields_stay()",
    AGREEMENT_ORDER: "DROP TRIGGER signing_agreement_in_order ON signing_agreement;"
    " DROP FUNCTION signing_agreement_order()",
    DOCUMENT_STAYS: "DROP TRIGGER signing_document_stays ON signing_agreement; DROP FUNCTION signing_document_stays()",
    KEEPS: "DROP TRIGGER signing_paper_keeps_its_content ON signing_paper",
    SIGNER_ORDER: "DROP TRIGGER signing_signer_in_order ON signing_signer; DROP FUNCTION signing_signer_order()",
    STEP_ORDER: "DROP TRIGGER signing_step_hangs_on_one ON signing_step; DROP FUNCTION signing_step_order()",
}
LINK = """
SELECT signer.organization_id, signer.id FROM public.signing_signer AS signer
JOIN public.tenants_organization AS organization
  ON organization.id = signer.organization_id AND organization.state = 'READY'
WHERE signer.token_digest = link_digest
"""
COOKIE = """
SELECT session.organization_id, session.signer_id FROM public.signing_signersession AS session
JOIN public.tenants_organization AS organization
  ON organization.id = session.organization_id AND organization.state = 'READY'
WHERE session.token_digest = cookie_digest
"""
DUE = """
SELECT DISTINCT agreement.organization_id FROM public.signing_agreement AS agreement
WHERE agreement.state = 'sent'
  AND (agreement.expires_at <= at OR agreement.remind_every > 0
       AND COALESCE(agreement.reminded_at, agreement.sent_at) + make_interval(days => agreement.remind_every) <= at)
UNION
SELECT DISTINCT organization_id FROM public.signing_code WHERE expires_at <= at - interval '1 day'
UNION
SELECT DISTINCT organization_id FROM public.signing_signersession WHERE expires_at <= at - interval '1 day'
"""


class Migration(migrations.Migration):
    dependencies = [("signing", "0001_tables"), ("vault", "0003_resealing"), ("tenants", "0001_initial")]

    operations = [
        PlainTable(table="signing_sealroot", grants="SELECT, INSERT, UPDATE (key, retired_at)"),
        TenantTable(table="signing_paper", grants=PAPER),
        TenantTable(table="signing_template", grants=ALL),
        TenantTable(table="signing_agreement", grants=ALL),
        TenantTable(table="signing_signer", grants=ALL),
        TenantTable(table="signing_field", grants=ALL),
        TenantTable(table="signing_step", grants=STEP),
        TenantTable(table="signing_code", grants=CODE),
        TenantTable(table="signing_signersession", grants=SESSION),
        TenantTable(table="signing_passkey", grants="SELECT, INSERT, DELETE, UPDATE (used_at)"),
        TenantTable(table="signing_sealkey", grants=ALL),
        TenantTable(table="signing_brand", grants=ALL),
        *(
            CompositeKey(table=f"signing_{table}", column=f"{column}_id", to=to, on_delete=rule)
            for table, column, to, rule in (
                ("template", "environment", "tenants_environment", "CASCADE"),
                ("template", "document", "signing_paper", "RESTRICT"),
                ("agreement", "environment", "tenants_environment", "CASCADE"),
                ("paper", "blob", "vault_blob", "RESTRICT"),
                ("agreement", "document", "signing_paper", "RESTRICT"),
                ("agreement", "final", "signing_paper", "RESTRICT"),
                ("agreement", "template", "signing_template", "SET NULL"),
                ("agreement", "membership", "tenants_membership", "SET NULL"),
                ("signer", "agreement", "signing_agreement", "CASCADE"),
                ("signer", "delegated_to", "signing_signer", "CASCADE"),
                ("field", "agreement", "signing_agreement", "CASCADE"),
                ("field", "signer", "signing_signer", "CASCADE"),
                ("step", "agreement", "signing_agreement", "CASCADE"),
                ("code", "signer", "signing_signer", "CASCADE"),
                ("signersession", "signer", "signing_signer", "CASCADE"),
            )
        ),
        *(migrations.RunSQL(make, drop) for make, drop in DROP.items()),
        LookupAccess(table="signing_agreement"),
        LookupAccess(table="signing_signer"),
        LookupAccess(table="signing_code"),
        LookupAccess(table="signing_signersession"),
        LookupFunction(
            name="signing_find_link",
            arguments="link_digest bytea",
            returns="TABLE (organization_id uuid, signer_id uuid)",
            body=LINK,
        ),
        LookupFunction(
            name="signing_find_session",
            arguments="cookie_digest bytea",
            returns="TABLE (organization_id uuid, signer_id uuid)",
            body=COOKIE,
        ),
        LookupFunction(
            name="signing_find_due",
            arguments="at timestamptz",
            returns="TABLE (organization_id uuid)",
            body=DUE,
        ),
    ]
