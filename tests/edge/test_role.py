"""The edge signs in to the database as `hq_edge`: it serves, and can do nothing else there."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import ProgrammingError, connection

from artifacts import actions
from edge import published
from hq.db.context import tenant
from keys import rings
from tests.artifacts.conftest import PASSWORD, deploy, make_artifact
from tests.artifacts.tars import SITE
from tests.edge.asking import ask
from tests.factories import Place, make_place

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def as_edge() -> Iterator[None]:
    """This process's connection is the edge's."""
    former = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = "hq_edge"
    rings.forget()
    yield
    connection.close()
    connection.settings_dict["USER"] = former


@pytest.fixture
def served(transactional_db: None) -> tuple[Place, str, str]:
    """A place, the label of an artifact that is shown, and the token of a link to it."""
    place = make_place()
    artifact = make_artifact(place, "password")
    deploy(place, artifact)
    with tenant(place.id):
        [made] = actions.create_links(actor=place.actor(), artifact_id=artifact.id)
    return place, artifact.label, made.token


def test_it_serves_opens_and_lets_in(served: tuple[Place, str, str], as_edge: None):
    _, label, token = served
    assert ask(label, "/_hq/open", query=f"t={token}").status == 200
    opened = ask(label, "/_hq/open", "POST", form={"t": token})
    entered = ask(label, "/_hq/password", "POST", form={"password": PASSWORD, "next": "/"})

    for got in (opened, entered):
        assert got.status == 303
        assert ask(label, cookie=got.cookie).body == SITE["index.html"]
        published.MEMORY.forget()
        rings.forget()
    assert ask(label, "/_hq/open", "POST", form={"t": token}).status == 404
    rings.cache.report()  # what keys were used for is put down


def test_it_has_these_rights_and_no_others(db: None):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, string_agg(p.privilege, ' ' ORDER BY p.privilege)
            FROM pg_class c
            CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p (privilege)
            WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
              AND has_table_privilege('hq_edge', c.oid, p.privilege)
            GROUP BY c.relname
            """
        )
        tables = dict(cursor.fetchall())
        cursor.execute(
            """
            SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0
              AND NOT a.attisdropped AND has_column_privilege('hq_edge', c.oid, a.attnum, 'UPDATE')
            """
        )
        columns = {row[0] for row in cursor.fetchall()}
        cursor.execute(
            """
            SELECT p.proname FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace
              AND has_function_privilege('hq_edge', p.oid, 'EXECUTE')
            """
        )
        functions = {row[0] for row in cursor.fetchall()}
    reads = dict.fromkeys(
        (
            "artifacts_artifact",
            "artifacts_artifactlink",
            "artifacts_deployedfile",
            "artifacts_deployment",
            "keys_cmk",
            "keys_datakey",
            "vault_blob",
            "vault_bucket",
        ),
        "SELECT",
    )
    ours = {name: rights for name, rights in tables.items() if name.startswith(("artifacts_", "keys_", "vault_b"))}
    assert ours == reads | {"artifacts_artifactvisit": "INSERT SELECT"}
    assert "artifacts_find_site" in functions
    assert {one for one in columns if one.startswith("artifacts_")} == {
        "artifacts_artifactlink.opened_at",
        "artifacts_artifactlink.opened_ip",
    }
    assert not {
        name for name, rights in tables.items() if "DELETE" in rights or "UPDATE" in rights or "TRUNCATE" in rights
    }


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 FROM audit_auditevent",
        "SELECT 1 FROM vault_objectversion",
        "SELECT 1 FROM tenants_user",
        "SELECT 1 FROM tenants_apikey",
        "UPDATE artifacts_artifact SET access = 'open'",
        "UPDATE artifacts_artifactlink SET expires_at = now()",
        "DELETE FROM artifacts_artifactvisit",
        "SELECT * FROM sharing_find_link('00000000-0000-0000-0000-000000000000')",
        "CREATE TABLE x (y int)",
    ],
)
def test_it_may_not(statement: str, transactional_db: None, as_edge: None):
    with connection.cursor() as cursor, pytest.raises(ProgrammingError) as refused:
        cursor.execute(statement)
    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)


def test_without_a_tenant_it_sees_no_row(served: tuple[Place, str, str], as_edge: None):
    with connection.cursor() as cursor:
        for table in ("artifacts_artifact", "artifacts_deployedfile", "vault_blob", "keys_datakey"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,), table
