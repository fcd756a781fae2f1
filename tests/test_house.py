"""The house keeps its plan: rooms, floors, and row security on every table (ISO-1, ISO-2)."""

import re
import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection, models

from hq.db import grants
from hq.db.models import TenantForeignKey

ROOT = Path(__file__).resolve().parent.parent
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = CONFIG["tool"]["importlinter"]["root_packages"]
# Tables of ours that belong to no organization, each with why.
PLAIN = {
    "audit_personevent": "an account's own log: signing in has no tenant yet",
    "evidence_witnessedlog": "what HQ has seen of others' logs as their witness",
    "keys_signingkey": "what the deployment signs with belongs to no organization",
    "signing_sealroot": "the deployment's own root certifies the seals of every organization",
    "tenants_onetimesignin": "a sign-in link belongs to a person",
    "tenants_user": "a person may be in several organizations",
}


def sources():
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]


def test_every_top_level_package_stands_under_the_import_contracts():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert packages == set(PACKAGES)


def test_nothing_goes_around_the_import_contracts():
    sly = re.compile(r"import_module\(|get_model\(|__import__\(")
    assert [str(path) for path in sources() if sly.search(path.read_text())] == []


def test_no_file_outgrows_its_room():
    assert {str(path): n for path in sources() if (n := path.read_text().count("\n")) > 400} == {}


def test_no_tenant_table_has_an_automatic_many_to_many():
    own = [model for model in apps.get_models() if model._meta.app_label in PACKAGES]
    assert [
        field
        for model in own
        for field in model._meta.local_many_to_many
        if field.remote_field.through and field.remote_field.through._meta.auto_created
    ] == []


@pytest.fixture
def catalog(db):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
                   (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant') = 1 AS policy,
                   has_table_privilege('hq_app', c.oid, 'TRUNCATE, REFERENCES, TRIGGER') AS too_much,
                   pg_get_userbyid(c.relowner) AS owner
            FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
            """
        )
        names = [column.name for column in cursor.description]
        return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def test_every_table_forces_row_security_unless_it_is_listed_with_a_reason(catalog):
    listed = set(PLAIN) | set(grants.TABLES)
    assert {
        name
        for name, row in catalog.items()
        if not (row["relrowsecurity"] and row["relforcerowsecurity"] and row["policy"])
    } == listed


def test_the_running_role_owns_nothing_and_can_neither_truncate_nor_trigger(catalog):
    assert {row["owner"] for row in catalog.values()} == {"hq_owner"}
    assert [name for name, row in catalog.items() if row["too_much"]] == []


def test_the_tests_run_as_the_role_that_the_application_runs_as(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == ("hq_app", False, False, False)


def test_the_running_role_cannot_make_a_table(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_schema_privilege('hq_app', 'public', 'CREATE'),"
            " has_database_privilege('hq_app', current_database(), 'CREATE')"
        )
        assert cursor.fetchone() == (False, False)


def test_every_reference_between_tenant_tables_is_composite(db):
    """A foreign key from a tenant table to another one that does not name the organization could cross tenants."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT con.conname, con.conrelid::regclass::text, con.confrelid::regclass::text,
                   (SELECT array_agg(a.attname::text) FROM pg_attribute a
                    WHERE a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey))
            FROM pg_constraint con JOIN pg_class c ON c.oid = con.confrelid
            WHERE con.contype = 'f' AND c.relforcerowsecurity AND c.relname <> 'tenants_organization'
            """
        )
        assert [row for row in cursor.fetchall() if "organization_id" not in row[3]] == []


def test_every_relation_between_tenant_models_has_its_composite_key(db):
    """Django keeps no constraint for these, so a forgotten CompositeKey would leave none at all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint WHERE contype = 'f'")
        present = {row[0] for row in cursor.fetchall()}
    missing = []
    for model in apps.get_models():
        keys = [field for field in model._meta.local_fields if isinstance(field, models.ForeignKey)]
        loose = [key for key in keys if isinstance(key, TenantForeignKey)]
        names = [f"{model._meta.db_table}_{key.column}_tenant" for key in loose]
        missing += [name for name in names if name not in present]
    assert missing == []


def test_lookup_functions_are_pinned_and_closed_to_the_public(db):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.proname, p.proconfig, pg_get_userbyid(p.proowner),
                   has_function_privilege('public', p.oid, 'EXECUTE')
            FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace
            """
        )
        found = cursor.fetchall()
    assert found
    for name, config, owner, public in found:
        assert config == ["search_path=pg_catalog, pg_temp"], name
        assert owner == "hq_lookup", name
        assert not public, name
