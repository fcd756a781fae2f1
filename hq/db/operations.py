"""Migration operations that write isolation into the database (ISO-1, ISO-2). Django's own state does not see them."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor as Editor
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState as State

APP, LOOKUP = "hq_app", "hq_lookup"
ALL = "SELECT, INSERT, UPDATE, DELETE"
# After a commit the setting is '' on that connection, not NULL.
TENANT = "NULLIF(current_setting('hq.organization_id', true), '')::uuid"


class SQLOperation(Operation):
    """Runs statements one way and the other; keeps no state."""

    reduces_to_sql = True
    reversible = True
    category = OperationCategory.SQL

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, [], self.arguments

    def forwards(self) -> list[str]:
        raise NotImplementedError

    def backwards(self) -> list[str]:
        raise NotImplementedError

    def state_forwards(self, app_label: str, state: State) -> None:
        """Nothing changes in Django's picture of the models."""

    def database_forwards(self, app_label: str, schema_editor: Editor, from_state: State, to_state: State) -> None:
        for statement in self.forwards():
            schema_editor.execute(statement, params=None)

    def database_backwards(self, app_label: str, schema_editor: Editor, from_state: State, to_state: State) -> None:
        for statement in self.backwards():
            schema_editor.execute(statement, params=None)

    def describe(self) -> str:
        return f"{self.__class__.__name__} {self.arguments.get('table') or self.arguments.get('name')}"


class TenantTable(SQLOperation):
    """Forced row security, the grants of the running role, and the pair that composite keys refer to.

    `references=False` for the trail and the jobs, which know an organization only by its id and outlive it.
    """

    def __init__(
        self, *, table: str, grants: str = ALL, column: str = "organization_id", references: bool = True
    ) -> None:
        super().__init__(table=table, grants=grants, column=column, references=references)

    def forwards(self) -> list[str]:
        table, column = self.arguments["table"], self.arguments["column"]
        statements = [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} USING ({column} = {TENANT}) WITH CHECK ({column} = {TENANT})",
            f"GRANT {self.arguments['grants']} ON {table} TO {APP}",
        ]
        if column != "id":
            statements.append(f"ALTER TABLE {table} ADD CONSTRAINT {table}_tenant_id UNIQUE ({column}, id)")
        if self.arguments["references"]:
            statements.append(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_organization FOREIGN KEY ({column})"
                " REFERENCES tenants_organization (id) ON DELETE CASCADE"
            )
        return statements

    def backwards(self) -> list[str]:
        table = self.arguments["table"]
        return [
            f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_organization",
            f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_tenant_id",
            f"REVOKE ALL ON {table} FROM {APP}",
            f"DROP POLICY tenant ON {table}",
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        ]


class PlainTable(SQLOperation):
    """A table that belongs to no organization: only the grants. It must be on the allow-list of the catalog test."""

    def __init__(self, *, table: str, grants: str) -> None:
        super().__init__(table=table, grants=grants)

    def forwards(self) -> list[str]:
        return [f"GRANT {self.arguments['grants']} ON {self.arguments['table']} TO {APP}"]

    def backwards(self) -> list[str]:
        return [f"REVOKE ALL ON {self.arguments['table']} FROM {APP}"]


class CompositeKey(SQLOperation):
    """A reference that only a row of the same organization satisfies. Not deferrable: it fails at the statement."""

    def __init__(self, *, table: str, column: str, to: str, on_delete: str = "RESTRICT") -> None:
        super().__init__(table=table, column=column, to=to, on_delete=on_delete)

    def forwards(self) -> list[str]:
        table, column, to, on_delete = (self.arguments[key] for key in ("table", "column", "to", "on_delete"))
        action = f"SET NULL ({column})" if on_delete == "SET NULL" else on_delete  # never the organization's own column
        return [
            (
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_tenant FOREIGN KEY (organization_id, {column})"
                f" REFERENCES {to} (organization_id, id) ON DELETE {action} NOT DEFERRABLE"
            ),
            f"CREATE INDEX {table}_{column}_tenant_idx ON {table} (organization_id, {column})",
        ]

    def backwards(self) -> list[str]:
        table, column = self.arguments["table"], self.arguments["column"]
        return [
            f"DROP INDEX {table}_{column}_tenant_idx",
            f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_tenant",
        ]


REFUSAL = "EXECUTE FUNCTION hq_append_only()"
REFUSE_CHANGES = (
    "CREATE OR REPLACE FUNCTION hq_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp"
    " AS $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$"
)


class AppendOnly(SQLOperation):
    """Rows are added and read, by anyone, the owner included; never changed, deleted or truncated (AUD-1)."""

    def __init__(self, *, table: str) -> None:
        super().__init__(table=table)

    def forwards(self) -> list[str]:
        table = self.arguments["table"]
        return [
            REFUSE_CHANGES,
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {REFUSAL}",
            f"CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {REFUSAL}",
        ]

    def backwards(self) -> list[str]:
        table = self.arguments["table"]
        return [f"DROP TRIGGER append_only_truncate ON {table}", f"DROP TRIGGER append_only ON {table}"]


class LookupAccess(SQLOperation):
    """Lets the functions of `hq_lookup` see across organizations in one table. Nobody can sign in as that role."""

    def __init__(self, *, table: str, privileges: str = "SELECT") -> None:
        super().__init__(table=table, privileges=privileges)

    def forwards(self) -> list[str]:
        table = self.arguments["table"]
        return [
            f"GRANT {self.arguments['privileges']} ON {table} TO {LOOKUP}",
            f"CREATE POLICY lookup ON {table} TO {LOOKUP} USING (true) WITH CHECK (true)",
        ]

    def backwards(self) -> list[str]:
        table = self.arguments["table"]
        return [f"DROP POLICY lookup ON {table}", f"REVOKE ALL ON {table} FROM {LOOKUP}"]


class LookupFunction(SQLOperation):
    """A function that looks before a tenant is known: owned by `hq_lookup`, search path pinned, names qualified.

    `body` is the SQL after AS $$; it must write `public.` before every table. `returns` is a full RETURNS clause.
    """

    def __init__(
        self, *, name: str, arguments: str, returns: str, body: str, language: str = "sql", volatility: str = "STABLE"
    ) -> None:
        super().__init__(
            name=name, arguments=arguments, returns=returns, body=body, language=language, volatility=volatility
        )

    @property
    def _signature(self) -> str:
        parts = [part.strip() for part in self.arguments["arguments"].split(",")]
        types = ", ".join(part.split(" ", 1)[1] for part in parts if part)
        return f"public.{self.arguments['name']}({types})"

    def forwards(self) -> list[str]:
        a = self.arguments
        return [
            (
                f"CREATE FUNCTION public.{a['name']}({a['arguments']}) RETURNS {a['returns']}"
                f" LANGUAGE {a['language']} {a['volatility']} SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
                f" AS $hq${a['body']}$hq$"
            ),
            f"GRANT CREATE ON SCHEMA public TO {LOOKUP}",  # needed at the moment of OWNER TO only
            f"ALTER FUNCTION {self._signature} OWNER TO {LOOKUP}",
            f"REVOKE CREATE ON SCHEMA public FROM {LOOKUP}",
            f"SET ROLE {LOOKUP}",
            f"REVOKE ALL ON FUNCTION {self._signature} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {self._signature} TO {APP}",
            "RESET ROLE",
        ]

    def backwards(self) -> list[str]:
        return [f"SET ROLE {LOOKUP}", f"DROP FUNCTION {self._signature}", "RESET ROLE"]


class Watched(SQLOperation):
    """What is written here in a transaction without an event in the organization's trail is noted (audit.watch).

    `columns` are those whose change is an act: what HQ itself keeps up to date, such as when a key was used last, is
    not among them, nor is a sealed column, which is sealed anew when keys rotate and which nobody forges without the
    key. `on` are the other operations that are acts: INSERT, DELETE. Asked at the end of the transaction, since the
    event is recorded last.
    """

    def __init__(
        self,
        *,
        table: str,
        columns: str = "",
        on: str = "INSERT OR DELETE",
        whose: str = "organization_id",
        function: str = "audit_note_change",
    ) -> None:
        super().__init__(table=table, columns=columns, on=on, whose=whose, function=function)

    def forwards(self) -> list[str]:
        a = self.arguments
        columns = a["columns"].split()
        asked = f"EXECUTE FUNCTION public.{a['function']}({', '.join([a['whose'], *columns])})"
        late = f"ON {a['table']} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
        when = f"AFTER UPDATE OF {', '.join(columns)} {late} WHEN ({changed})"
        statements = [
            f"CREATE CONSTRAINT TRIGGER watched AFTER {a['on']} {late} {asked}",
            f"CREATE CONSTRAINT TRIGGER watched_columns {when} {asked}",
        ]
        return [statement for statement, wanted in zip(statements, (a["on"], columns), strict=True) if wanted]

    def backwards(self) -> list[str]:
        return [
            f"DROP TRIGGER IF EXISTS {name} ON {self.arguments['table']}" for name in ("watched", "watched_columns")
        ]
