"""A million paths and the rules on them, made in the database: rows as the product leaves them, in seconds.

Triggers, and with them foreign keys, rest while the administrator copies: what refers to what is right by the way it is
made. An organization has teams with projects with files. Each principal has rules on three teams and three projects.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from django.db import connection

from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod
from hq.db.context import tenant
from hq.embedded.postgres import SUPERUSER
from tenants import selectors as tenants
from tenants.models import Membership, User
from tests.factories import ORIGIN, Place

FILES = 50  # in a project
FILLED = ("vault_storedobject", "vault_objectversion", "tenants_user", "tenants_membership", "tenants_aclentry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is, in each organization."""

    teams: int
    projects: int
    principals: int

    @property
    def paths(self) -> int:
        return self.teams * self.projects * FILES


@contextmanager
def administrator() -> Iterator[psycopg.Connection]:
    """Past row security, which binds HQ's own roles."""
    where = connection.get_connection_params() | {"user": SUPERUSER, "autocommit": True, "context": None}
    with psycopg.connect(**where) as link:
        yield link


_PATH = "'team-' || lpad(team::text, 3, '0') || '/project-' || lpad(project::text, 3, '0') || '/'"
_OBJECTS = f"""
    INSERT INTO vault_storedobject
        (organization_id, environment_id, id, path, current, size, created_at, updated_at)
    SELECT %(organization)s, %(environment)s, gen_random_uuid(),
           {_PATH} || 'file-' || lpad(file::text, 5, '0') || '.csv', 1, 1000, now(), now()
    FROM generate_series(1, %(teams)s) AS team, generate_series(1, %(projects)s) AS project,
         generate_series(1, %(files)s) AS file
"""  # noqa: S608 - constants of this file
_VERSIONS = """
    INSERT INTO vault_objectversion
        (organization_id, id, object_id, number, blob_id, size, sha256, content_type, created_at, created_by_kind,
         created_by_id, created_by)
    SELECT organization_id, gen_random_uuid(), id, 1, id, size, sha256('x'), sha256('x'), now(), 'person', id,
           sha256('x')
    FROM vault_storedobject WHERE organization_id = %(organization)s
"""
_PEOPLE = """
    WITH person AS (
        INSERT INTO tenants_user (id, password, email, is_active, is_operator, time_zone, theme, created_at)
        SELECT gen_random_uuid(), '', 'p' || number || '.' || %(slug)s || '@example.com', true, false, 'UTC', 'system',
               now()
        FROM generate_series(1, %(principals)s) AS number RETURNING id
    )
    INSERT INTO tenants_membership (organization_id, id, user_id, role, joined_at)
    SELECT %(organization)s, gen_random_uuid(), id, 'developer', now() FROM person
"""
# Six rules each: three teams, three projects, all of them others.
_RULES = f"""
    INSERT INTO tenants_aclentry
        (organization_id, environment_id, id, membership_id, prefix, level, created_by_id, created_at)
    SELECT %(organization)s, %(environment)s, gen_random_uuid(), who.id, CASE WHEN rule < 4
               THEN 'team-' || lpad(team::text, 3, '0') || '/' ELSE {_PATH} END,
           1 + (place + rule) %% 3, who.id, now()
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM tenants_membership
          WHERE organization_id = %(organization)s AND role = 'developer') AS who,
         generate_series(1, 6) AS rule,
         LATERAL (SELECT 1 + (place * 7 + rule * 11) %% %(teams)s AS team,
                         1 + (place * 3 + rule * 5) %% %(projects)s AS project) AS chosen
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants of this file


def fill(places: list[Place], size: Size) -> None:
    """Everything, and statistics on it, as autovacuum would make them."""
    with administrator() as link:
        link.execute("SET session_replication_role = replica")
        for place in places:
            arguments = {
                "organization": place.id,
                "environment": place.live_id,
                "slug": place.id.hex,
                "teams": size.teams,
                "projects": size.projects,
                "files": FILES,
                "principals": size.principals,
            }
            for statement in (_OBJECTS, _VERSIONS, _PEOPLE, _RULES):
                link.execute(statement, arguments)
            link.execute("UPDATE tenants_organization SET reach = 'rules' WHERE id = %s", [place.id])
        for table in FILLED:
            link.execute(f"VACUUM ANALYZE {table}")


def principals_of(place: Place, count: int) -> list[tuple[User, Actor]]:
    """So many of an organization's principals, as a request of theirs would find them."""
    with tenant(place.id):
        rows = Membership.objects.filter(organization_id=place.id, role="developer").select_related("user")
        people: list[User] = [row.user for row in rows.order_by("pk")[:count]]
    found = [(person, tenants.find_belonging(person.pk, place.slug)) for person in people]
    return [
        (person, belonging.actor(person, method=AuthMethod.SESSION, origin=ORIGIN))
        for person, belonging in found
        if belonging is not None
    ]


def counted(table: str) -> int:
    """Rows of a table, of every organization."""
    with administrator() as link:
        row = link.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - ours
    return int(row[0]) if row else 0
