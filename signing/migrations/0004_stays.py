"""What was sent, said and done stays also where somebody writes past the application (SIG-1).

Steps are neither changed nor removed by themselves: they go with their agreement. Whom an agreement asks for what stays
once it was sent. Its chain grows by one step at a time, and not behind the seal. Beside it: tables of people that
nobody sent are found, to be forgotten.
"""

import django.db.models.deletion
import hq.db.models
from django.db import migrations

from hq.db.operations import APP, LookupAccess, LookupFunction

# The audit key is never renewed (keys.registry), so nothing of a step is ever sealed anew.
STEP = f"REVOKE DELETE, UPDATE (document, detail) ON signing_step FROM {APP}"
STEP_BEFORE = f"GRANT DELETE, UPDATE (document, detail) ON signing_step TO {APP}"

# The trigger says by which name.
STAYS = """
CREATE FUNCTION signing_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% does not change any more', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_ARGV[0];
END $$;
"""
WHERE_IT_IS = """
CREATE TRIGGER signing_environment_stays BEFORE UPDATE OF environment_id ON signing_agreement
FOR EACH ROW WHEN (OLD.environment_id <> NEW.environment_id) EXECUTE FUNCTION signing_stays('signing_environment_stays')
"""
SEAL = """
CREATE TRIGGER signing_seal_stays BEFORE UPDATE OF final_id, level, sealed_event, head, length ON signing_agreement
FOR EACH ROW WHEN (
    OLD.state = 'sealed' AND (OLD.final_id, OLD.level, OLD.sealed_event, OLD.head, OLD.length)
    IS DISTINCT FROM (NEW.final_id, NEW.level, NEW.sealed_event, NEW.head, NEW.length)
) EXECUTE FUNCTION signing_stays('signing_seal_stays')
"""
# What is asked of somebody is written when they are named, and another row takes its place in a draft.
ASKED = """
CREATE TRIGGER signing_asked_stays BEFORE UPDATE OF agreement_id, position, turn, kind, method ON signing_signer
FOR EACH ROW WHEN (
    (OLD.agreement_id, OLD.position, OLD.turn, OLD.kind, OLD.method)
    IS DISTINCT FROM (NEW.agreement_id, NEW.position, NEW.turn, NEW.kind, NEW.method)
) EXECUTE FUNCTION signing_stays('signing_asked_stays')
"""
ACTED = """
CREATE TRIGGER signing_acted_stays
BEFORE UPDATE OF email_index, consented_at, consent_version, consent_language, signed_at, delegated_to_id
ON signing_signer FOR EACH ROW WHEN (
    OLD.state IN ('signed', 'declined', 'delegated')
    AND (OLD.email_index, OLD.consented_at, OLD.consent_version, OLD.consent_language, OLD.signed_at,
         OLD.delegated_to_id)
    IS DISTINCT FROM
        (NEW.email_index, NEW.consented_at, NEW.consent_version, NEW.consent_language, NEW.signed_at,
         NEW.delegated_to_id)
) EXECUTE FUNCTION signing_stays('signing_acted_stays')
"""
MOVED = """
CREATE TRIGGER signing_field_is_not_moved BEFORE UPDATE OF agreement_id ON signing_field
FOR EACH ROW WHEN (OLD.agreement_id <> NEW.agreement_id) EXECUTE FUNCTION signing_stays('signing_fields_stay')
"""
# Rows of an agreement that was sent go with it, or with the organization.
GOES_ALONG = """
CREATE FUNCTION signing_goes_along() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.signing_agreement AS agreement
        JOIN public.tenants_organization AS organization ON organization.id = agreement.organization_id
        WHERE agreement.organization_id = OLD.organization_id AND agreement.id = OLD.agreement_id
          AND agreement.state <> 'draft' AND organization.state <> 'ERASING'
    ) THEN
        RAISE EXCEPTION '% goes with its agreement, which was sent', TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_ARGV[0];
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER signing_signer_goes_along BEFORE DELETE ON signing_signer
FOR EACH ROW EXECUTE FUNCTION signing_goes_along('signing_asked_stays');
CREATE TRIGGER signing_field_goes_along BEFORE DELETE ON signing_field
FOR EACH ROW EXECUTE FUNCTION signing_goes_along('signing_fields_stay');
"""
# Whoever it is handed on to comes while it is out; nobody after that.
NAMED = """
CREATE FUNCTION signing_named() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.signing_agreement AS agreement
        WHERE agreement.organization_id = NEW.organization_id AND agreement.id = NEW.agreement_id
          AND agreement.state IN ('draft', 'sent')
    ) THEN
        RAISE EXCEPTION 'nobody is asked any more'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_asked_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signing_signer_is_named_in_time BEFORE INSERT ON signing_signer
FOR EACH ROW EXECUTE FUNCTION signing_named();
"""
# A step comes first, then the agreement says that it has it.
GROWS = """
CREATE FUNCTION signing_chain_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.length <> OLD.length + 1 OR NOT EXISTS (
        SELECT FROM public.signing_step AS step
        WHERE step.organization_id = NEW.organization_id AND step.agreement_id = NEW.id
          AND step.index = NEW.length AND step.hash = NEW.head
    ) THEN
        RAISE EXCEPTION 'a chain grows by the step that was added'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_chain_grows_by_steps';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signing_chain_grows_by_steps BEFORE UPDATE OF head, length ON signing_agreement
FOR EACH ROW WHEN ((OLD.head, OLD.length) IS DISTINCT FROM (NEW.head, NEW.length))
EXECUTE FUNCTION signing_chain_grows();
CREATE FUNCTION signing_step_is_next() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.signing_agreement AS agreement
        WHERE agreement.organization_id = NEW.organization_id AND agreement.id = NEW.agreement_id
          AND agreement.length = NEW.index - 1 AND agreement.state <> 'sealed'
    ) THEN
        RAISE EXCEPTION 'this is not the next step, or the agreement is sealed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'signing_step_is_next';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signing_step_is_next BEFORE INSERT ON signing_step
FOR EACH ROW EXECUTE FUNCTION signing_step_is_next();
"""
DROP = {
    STAYS: "DROP FUNCTION signing_stays()",
    WHERE_IT_IS: "DROP TRIGGER signing_environment_stays ON signing_agreement",
    SEAL: "DROP TRIGGER signing_seal_stays ON signing_agreement",
    ASKED: "DROP TRIGGER signing_asked_stays ON signing_signer",
    ACTED: "DROP TRIGGER signing_acted_stays ON signing_signer",
    MOVED: "DROP TRIGGER signing_field_is_not_moved ON signing_field",
    GOES_ALONG: "DROP TRIGGER signing_signer_goes_along ON signing_signer;"
    " DROP TRIGGER signing_field_goes_along ON signing_field; DROP FUNCTION signing_goes_along()",
    NAMED: "DROP TRIGGER signing_signer_is_named_in_time ON signing_signer; DROP FUNCTION signing_named()",
    GROWS: "DROP TRIGGER signing_chain_grows_by_steps ON signing_agreement; DROP FUNCTION signing_chain_grows();"
    " DROP TRIGGER signing_step_is_next ON signing_step; DROP FUNCTION signing_step_is_next()",
}
UNSENT = "SELECT DISTINCT organization_id FROM public.signing_batch WHERE state = 'checked' AND created_at <= before"


def with_the_agreement(model: str, name: str) -> migrations.AlterField:
    """The database removes it with its agreement; Django would have to see each row of it first."""
    field = hq.db.models.TenantForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.DO_NOTHING,
        related_name=name,
        to="signing.agreement",
    )
    return migrations.AlterField(model_name=model, name="agreement", field=field)


class Migration(migrations.Migration):
    dependencies = [("signing", "0003_batches")]

    operations = [
        with_the_agreement("step", "steps"),
        with_the_agreement("signer", "signers"),
        with_the_agreement("field", "fields"),
        migrations.RunSQL(STEP, STEP_BEFORE),
        *(migrations.RunSQL(make, drop) for make, drop in DROP.items()),
        LookupAccess(table="signing_batch"),
        LookupFunction(
            name="signing_find_unsent",
            arguments="before timestamptz",
            returns="TABLE (organization_id uuid)",
            body=UNSENT,
        ),
    ]
