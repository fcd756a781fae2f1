"""Every stored field has one of five classes, and stands as its class asks for (VLT-12)."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection, models
from django.test.utils import isolate_apps

from audit.models import AuditEvent, ChainHead
from hq.db import classes, elsewhere, grants
from hq.db.class_checks import check_classes, faults
from hq.db.classes import ALWAYS, ORGANIZATION, DataClass, Declared, Erasure, Held, data_map, days
from hq.db.fields import Purpose, SealedJSONField, SealedTextField
from hq.db.models import Model, TenantModel
from hq.lib.local_only import LOCAL_ONLY
from jobs.models import Job
from keys.models import DataKey, Statement
from sharing.models import ShareLink
from tenants.models import ApiKey, Environment, Invitation, User
from vault.models import ObjectVersion

INSIDE = [line for line in data_map() if line.room not in {elsewhere.OUTSIDE_ROOM, elsewhere.REFUSED}]


def made(declared, base=Model, **columns):
    """A model that is declared so."""
    body = (
        {"__module__": __name__, "organization_id": models.UUIDField()} if base is Model else {"__module__": __name__}
    )
    body |= columns | ({"data_classes": declared} if declared else {})
    with isolate_apps("hq.db"):
        return type("Thing", (base,), body | {"Meta": type("Meta", (), {"app_label": "db"})})


def ids(declared, **columns):
    return sorted(str(fault.id) for fault in faults(made(declared, **columns)))


# ---- the house as it is


def test_nothing_is_wrong_with_any_model():
    assert check_classes(None) == []


def test_django_itself_refuses_a_field_without_a_class(monkeypatch):
    monkeypatch.setattr(
        Job,
        "data_classes",
        Declared(kept=ORGANIZATION, operational=Job.data_classes.operational.replace("payload", "")),
    )
    with pytest.raises(SystemCheckError, match=r"jobs.Job.payload: \(hq.E010\)"):
        call_command("check")


@pytest.mark.django_db
def test_the_map_holds_every_column_of_the_real_database_and_none_besides():
    """Read from the catalog, so a table or column that no model knows cannot be left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
            " AND a.attnum > 0 AND NOT a.attisdropped AND NOT c.relispartition"
        )
        real = set(cursor.fetchall())
    mapped = [(line.table, line.field) for line in INSIDE]
    assert set(mapped) == real
    assert len(mapped) == len(set(mapped))


def test_tables_of_other_packages_have_classes_exactly_if_they_have_grants():
    assert set(elsewhere.OTHER_TABLES) == set(grants.TABLES)


def test_content_and_what_is_local_only_have_no_column():
    here = {DataClass.CONTENT, DataClass.LOCAL_ONLY}
    assert [line for line in INSIDE if line.data_class in here] == []
    assert [line.held for line in classes.fields_of(DataClass.CONTENT)] == [Held.SEALED]


def test_no_secret_stands_as_it_is():
    assert [line for line in classes.fields_of(DataClass.SECRETS) if line.held is None] == []


def test_whatever_is_customer_metadata_is_sealed_or_says_why_not():
    lines = classes.fields_of(DataClass.METADATA)
    assert len(lines) > 30
    assert [line for line in lines if (line.held is Held.SEALED) is bool(line.why_plain)] == []


def test_only_what_is_outside_the_columns_of_ours_is_signed_never_filled_or_with_its_holder():
    held = {(line.room, line.held) for line in data_map() if line.held in {Held.SIGNED, Held.NEVER, Held.HOLDER}}
    assert held == {
        (elsewhere.OTHERS, Held.SIGNED),
        (elsewhere.OTHERS, Held.NEVER),
        (elsewhere.OUTSIDE_ROOM, Held.HOLDER),
    }


@pytest.mark.django_db
def test_what_is_said_to_be_never_filled_cannot_be():
    never = [line for line in INSIDE if line.held is Held.NEVER]
    assert never
    with connection.cursor() as cursor:
        for line in never:
            cursor.execute("SELECT has_column_privilege(%s, %s, 'INSERT, UPDATE')", [line.table, line.field])
            assert cursor.fetchone() == (False,), line


def test_the_map_says_what_the_server_refuses_in_the_words_of_the_refusal():
    assert len(classes.fields_of(DataClass.LOCAL_ONLY)) == len(LOCAL_ONLY)
    assert {line.why_plain for line in classes.fields_of(DataClass.LOCAL_ONLY)} == {
        rule.sentence for rule in LOCAL_ONLY
    }


# ---- what a declaration may not be


def test_a_field_without_a_class_is_refused():
    assert ids(Declared(kept=ORGANIZATION, operational="organization_id"), size=models.IntegerField()) == ["hq.E010"]


def test_a_model_without_a_declaration_or_without_a_term_is_refused():
    assert ids(None, size=models.IntegerField()) == ["hq.E010"]
    assert ids(Declared(operational="organization_id size"), size=models.IntegerField()) == ["hq.E010"]


def test_what_a_base_declares_holds_for_what_is_made_of_it_and_no_more():
    assert faults(made(Declared(kept=ORGANIZATION), TenantModel)) == []
    parent = made(Declared(kept=ORGANIZATION, operational="organization_id"))
    with isolate_apps("hq.db"):
        child = type("Child", (parent,), {"__module__": __name__, "Meta": type("Meta", (), {"app_label": "db"})})
    assert [fault.id for fault in faults(child)] == ["hq.E010"]


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        (Declared(kept=ORGANIZATION, operational="organization_id text gone"), ["hq.E011"]),
        (Declared(kept=ORGANIZATION, operational="organization_id text text"), ["hq.E012"]),
        (Declared(kept=ORGANIZATION, operational="organization_id text", in_clear={"text": "why"}), ["hq.E012"]),
        (Declared(kept=ORGANIZATION, operational="organization_id", metadata="text"), ["hq.E013"]),
        (Declared(kept=ORGANIZATION, operational="organization_id", in_clear={"text": " "}), ["hq.E013"]),
        (Declared(kept=ORGANIZATION, operational="organization_id", in_clear={"text": "why"}), []),
        (Declared(kept=ALWAYS, operational="organization_id", in_clear={"text": "why"}), ["hq.E014"]),
        (Declared(kept=ORGANIZATION, operational="organization_id", secrets={"text": Held.ARGON2ID}), []),
        *(
            (Declared(kept=ORGANIZATION, operational="organization_id", secrets={"text": held}), ["hq.E015"])
            for held in Held
            if held is not Held.ARGON2ID
        ),
    ],
)
def test_a_plain_column_must_live_up_to_its_class(declared, found):
    assert ids(declared, text=models.CharField(max_length=9)) == found


def test_a_digest_is_bytes():
    digest = Declared(kept=ORGANIZATION, operational="organization_id", secrets={"of": Held.DIGEST})
    assert ids(digest, of=models.BinaryField()) == []
    assert ids(digest, of=models.CharField(max_length=64)) == ["hq.E015"]


def test_a_sealed_column_must_be_under_a_key_of_its_class():
    def declared(**more):
        return Declared(kept=ORGANIZATION, operational="organization_id", **more)

    metadata, secret = declared(metadata="text"), declared(secrets={"text": Held.SEALED})
    assert ids(metadata, text=SealedTextField(purpose=Purpose.METADATA)) == []
    assert ids(metadata, text=SealedJSONField(purpose=Purpose.AUDIT)) == []
    assert ids(metadata, text=SealedTextField(purpose=Purpose.SIGNING)) == ["hq.E016"]
    assert ids(secret, text=SealedTextField(purpose=Purpose.SIGNING)) == []
    assert ids(secret, text=SealedTextField(purpose=Purpose.METADATA)) == []
    assert ids(secret, text=SealedTextField(purpose=Purpose.PEOPLE)) == ["hq.E016"]
    assert ids(declared(in_clear={"text": "why"}), text=SealedTextField(purpose=Purpose.METADATA)) == ["hq.E013"]
    assert ids(declared(secrets={"text": Held.DIGEST}), text=SealedTextField(purpose=Purpose.SIGNING))[0] == "hq.E015"


# ---- what follows from a class


def test_an_export_carries_everything_but_secrets():
    assert set(classes.exported(Invitation)) == {field.attname for field in Invitation._meta.concrete_fields} - {
        "token_digest",
        "unsent",
    }
    assert {"hash", "lookup"} & set(classes.exported(ApiKey)) == set()


def test_erasing_an_organization_takes_its_rows_and_leaves_of_the_trail_what_is_no_customer_data():
    assert set(classes.erased(ObjectVersion).values()) == {Erasure.DELETED}
    trail = classes.erased(AuditEvent)
    assert {name for name, fate in trail.items() if fate is Erasure.UNREADABLE} == {"detail"}
    assert trail["actor_id"] is Erasure.STAYS
    assert set(classes.erased(ChainHead).values()) == {Erasure.STAYS}
    assert set(classes.erased(User).values()) == {Erasure.NOT_THEIRS}


def test_what_the_deployments_own_key_seals_stays_readable_and_what_the_organizations_wraps_does_not():
    assert classes.erased(Statement)["file"] is Erasure.STAYS
    assert classes.erased(DataKey)["wrapped"] is Erasure.UNREADABLE


def test_what_stays_after_an_erasure_holds_no_customer_metadata_in_the_clear():
    """Sealed under the deployment's own key stays readable to the deployment: evidence of the erasure itself."""
    left = [line for line in classes.fields_of(DataClass.METADATA) if line.erasure is Erasure.STAYS]
    assert [line for line in left if not line.platform] == []


def test_sweeps_wait_as_long_as_the_map_says():
    from jobs.actions import KEEP_DONE
    from sharing.actions.expiry import KEPT
    from tenants.tasks import KEPT as KEPT_INVITATIONS

    month = timedelta(days=30)
    assert [classes.retention(model) for model in (Job, ShareLink, Invitation)] == [month] * 3
    assert {KEEP_DONE, KEPT, KEPT_INVITATIONS} == {month}
    with pytest.raises(LookupError, match="Environment"):
        classes.retention(Environment)


def test_what_is_kept_for_some_days_says_how_many():
    kept = days(90, "after it ended")
    assert (kept.sentence, kept.after) == ("90 days after it ended", timedelta(days=90))


def test_a_name_may_be_logged_only_if_no_field_of_ours_by_that_name_must_not():
    assert {"email", "content_type", "path", "sha256"} <= classes.unlogged()
    assert {"id", "organization_id", "state", "kind", "request_id", "ip"} & classes.unlogged() == set()


def test_a_secret_of_any_table_is_never_logged_by_its_name():
    """`hash` is a link of the chain as well, which is no secret; `key` is a job's too."""
    assert {"hash", "key", "session_key", "password"} <= classes.unlogged()


def test_a_field_without_a_class_is_not_logged(monkeypatch):
    without = Job.data_classes.operational.replace("max_attempts", "")
    monkeypatch.setattr(Job, "data_classes", Declared(kept=ORGANIZATION, operational=without))
    classes.unlogged.cache_clear()
    try:
        assert "max_attempts" in classes.unlogged()
    finally:
        classes.unlogged.cache_clear()
