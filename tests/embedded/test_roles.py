"""What hq/db/roles.sql leaves behind, on a cluster of its own."""

from collections.abc import Iterator

import pytest

from hq.embedded.layout import Layout
from hq.embedded.postgres import Postgres
from tests.database import database_name, home


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    layout = Layout(home() / f"roles-{database_name()}")
    layout.prepare()
    server = Postgres(layout, fleeting=True)
    server.start()
    server.make_roles()
    yield server
    server.stop()


def test_it_may_be_run_again(postgres: Postgres):
    postgres.make_roles()
    postgres.make_roles("another")

    assert (
        postgres.sql("-c", "SELECT datname FROM pg_database WHERE datname IN ('hq', 'another') ORDER BY 1")
        == "another\nhq"
    )


def test_no_role_stands_above_row_security(postgres: Postgres):
    postgres.sql("-c", "ALTER ROLE hq_app BYPASSRLS CREATEROLE")

    postgres.make_roles()

    above = "rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb"
    assert postgres.sql("-c", f"SELECT count(*) FROM pg_roles WHERE rolname LIKE 'hq%' AND ({above})") == "0"


def test_only_the_owner_makes_tables(postgres: Postgres):
    rights = [f"has_schema_privilege('{role}', 'public', 'CREATE')" for role in ("hq_owner", "hq_app", "hq_lookup")]
    assert postgres.sql("-c", f"SELECT {', '.join(rights)}", database="hq") == "t|f|f"


def test_the_owner_does_not_see_what_the_lookup_role_sees(postgres: Postgres):
    """Policies follow inherited membership; the owner is a member only to hand functions over."""
    postgres.sql(
        "-c",
        """
        CREATE TABLE seen AS SELECT 1 AS one;
        ALTER TABLE seen OWNER TO hq_owner;
        ALTER TABLE seen ENABLE ROW LEVEL SECURITY;
        ALTER TABLE seen FORCE ROW LEVEL SECURITY;
        CREATE POLICY lookup ON seen TO hq_lookup USING (true);
        GRANT SELECT ON seen TO hq_lookup
        """,
        database="hq",
    )

    counted = postgres.sql("-c", "SET ROLE hq_owner", "-c", "SELECT count(*) FROM seen", database="hq")

    assert counted == "0"
    assert postgres.sql("-c", "SET ROLE hq_lookup", "-c", "SELECT count(*) FROM seen", database="hq") == "1"
