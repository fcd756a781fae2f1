"""Migration operations of the trail: tables by month (audit.months), rows that only go on, functions that change."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor as Editor
from django.db.migrations.state import ProjectState as State

from audit.months import Month, guarded, new_partition, policy, values
from hq.db.operations import APP, LOOKUP, REFUSAL, LookupFunction, SQLOperation
from hq.lib.clock import now

REFUSES = "EXECUTE FUNCTION public.audit_goes_on()"


class Monthly(SQLOperation):
    """Turns a tenant's append-only table into one of partitions by month; what it held so far becomes the first one.

    `grants` as for TenantTable. Nothing is copied: the table itself is attached.
    """

    def __init__(self, *, table: str, grants: str, lookup: str = "") -> None:
        super().__init__(table=table, grants=grants, lookup=lookup)

    def database_forwards(self, app_label: str, schema_editor: Editor, from_state: State, to_state: State) -> None:
        table, link = self.arguments["table"], schema_editor.connection
        with link.cursor() as cursor:
            cursor.execute("SELECT pg_relation_size(%s::regclass) > 0", [table])  # its rows are hidden from the owner
            filled = cursor.fetchone()[0]
            cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table])
            indexes = cursor.fetchall()
        for statement in self._statements(table, indexes, filled=filled):
            schema_editor.execute(statement, params=None)

    def _statements(self, table: str, indexes: list[tuple[str, str]], *, filled: bool) -> list[str]:
        first, bound = f"{table}_first", Month.of(now()).next.begins
        kept = [(name, text) for name, text in indexes if "UNIQUE" not in text]
        adopted = [
            f"REVOKE ALL ON {first} FROM {APP}, {LOOKUP}",
            f"DROP TRIGGER append_only ON {first}",
            f"DROP TRIGGER append_only_truncate ON {first}",
            f"DROP POLICY tenant ON {first}",
            f"DROP POLICY IF EXISTS lookup ON {first}",
            f"ALTER TABLE {table} ATTACH PARTITION {first} {values(None, bound)}",
            *guarded(table, first),
        ]
        return [
            f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_tenant_id",
            f"ALTER TABLE {table} RENAME TO {first}",
            *(f"ALTER INDEX {name} RENAME TO {name}_first" for name, _ in kept),
            f"ALTER INDEX {table}_pkey RENAME TO {first}_pkey",
            f"CREATE TABLE {table} (LIKE {first} INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (id)",
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY (id)",
            *(text for _, text in kept),
            *self._closed(),
            *(adopted if filled else [f"DROP TABLE {first}"]),
            *new_partition(table, f"{table}_default", "DEFAULT"),
        ]

    def _closed(self) -> list[str]:
        table = self.arguments["table"]
        return [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            policy(table),
            f"GRANT {self.arguments['grants']} ON {table} TO {APP}",
            f"CREATE POLICY lookup ON {table} TO {LOOKUP} USING (true) WITH CHECK (true)",
            f"GRANT {self.arguments['lookup']} ON {table} TO {LOOKUP}",
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {REFUSAL}",
            f"CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {REFUSAL}",
        ]

    def database_backwards(self, app_label: str, schema_editor: Editor, from_state: State, to_state: State) -> None:
        """Everything in one table again; copied, as several partitions cannot become one otherwise."""
        table = self.arguments["table"]
        whole = f"{table}_whole"
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table])
            indexes = [text.replace(" ONLY ", " ") for _, text in cursor.fetchall() if "UNIQUE" not in text]
        for statement in [
            f"CREATE TABLE {whole} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"INSERT INTO {whole} SELECT * FROM {table}",  # noqa: S608 - names of ours
            f"DROP TABLE {table}",
            f"ALTER TABLE {whole} RENAME TO {table}",
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY (id)",
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_tenant_id UNIQUE (organization_id, id)",
            *indexes,
            *self._closed(),
        ]:
            schema_editor.execute(statement, params=None)


class OnlyGoesOn(SQLOperation):
    """Refuses rows of a table, whoever writes them, of which a condition over OLD and NEW is not true.

    `born` is for rows that are added, `goes_on` for those that are changed. The condition is the trigger's own, so
    nothing is called where it holds.
    """

    def __init__(self, *, table: str, born: str = "", goes_on: str = "") -> None:
        super().__init__(table=table, born=born, goes_on=goes_on)

    def forwards(self) -> list[str]:
        return [
            f"CREATE TRIGGER {name} BEFORE {on} ON {self.arguments['table']} FOR EACH ROW"
            f" WHEN (({self.arguments[name]}) IS NOT TRUE) {REFUSES}"
            for name, on in (("born", "INSERT"), ("goes_on", "UPDATE"))
            if self.arguments[name]
        ]

    def backwards(self) -> list[str]:
        return [f"DROP TRIGGER IF EXISTS {name} ON {self.arguments['table']}" for name in ("born", "goes_on")]


class Replaced(SQLOperation):
    """A look-up function gets another body. Code from before goes on calling it: its name and its columns stay."""

    def __init__(self, *, old: str, new: str, **function: Any) -> None:
        super().__init__(old=old, new=new, **function)

    def _with(self, body: str) -> LookupFunction:
        named = {name: value for name, value in self.arguments.items() if name not in {"old", "new"}}
        return LookupFunction(body=body, **named)

    def forwards(self) -> list[str]:
        return [*self._with(self.arguments["old"]).backwards(), *self._with(self.arguments["new"]).forwards()]

    def backwards(self) -> list[str]:
        return [*self._with(self.arguments["new"]).backwards(), *self._with(self.arguments["old"]).forwards()]
