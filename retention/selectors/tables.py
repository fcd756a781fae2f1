"""Which tables hold rows of an organization, and in which order these may go: from the models and the catalog.

A table without a decision (`data_classes`, hq.db.classes) cannot be: `manage check` refuses it, and so does a test.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection

from hq.db.classes import Erasure, Model, declaration, every_model

# It goes last, and what is left of any other table goes with it.
ORGANIZATION = "tenants_organization"
REFERENCES = """
    SELECT child.relname, parent.relname, key.confdeltype FROM pg_constraint AS key
    JOIN pg_class AS child ON child.oid = key.conrelid JOIN pg_class AS parent ON parent.oid = key.confrelid
    WHERE key.contype = 'f' AND child.relnamespace = 'public'::regnamespace AND child.oid <> parent.oid
"""


# Where the name of a table is none that people know.
_TITLES = {
    "archive_digest": "Digests of the archive",
    "archive_file": "Files of the archive",
    "archive_month": "Months that were read back",
    "archive_progress": "How far the archive goes",
    "audit_accesslink": "Places of requests in their log",
    "audit_toldchange": "Changes past HQ that were told",
    "evidence_mailwitness": "Witnesses by mail",
    "evidence_namesread": "How far names were read for the explorer",
    "evidence_trailword": "Names that the explorer finds",
    "exports_entry": "Lines of exports",
    "keys_cmk": "Encryption keys",
    "signing_code": "Codes of signers",
    "streams_batch": "Batches of streams",
    "streams_position": "Positions of streams",
    "tenants_aclentry": "Access rules",
    "tenants_apikeyday": "Days on which API keys were used",
    "tenants_apikeynetwork": "Networks that API keys came from",
    "vault_blob": "Sealed files in the bucket",
    "vault_bucket": "Bucket",
    "vault_objectversion": "Versions of files",
    "vault_storedobject": "Files",
    "webhooks_delivery": "Webhook deliveries",
    "workloads_token": "Tokens of workloads",
    "workloads_usedtoken": "Marks of tokens that were used",
}


def title_of(model: Model) -> str:
    """What people call the rows of a table."""
    meta = model._meta  # noqa: SLF001 - Django's documented name
    known = _TITLES.get(meta.db_table) or getattr(model, "sealed_title", "")
    return known or str(meta.verbose_name_plural).capitalize()


def _of_organizations(wanted: frozenset[Erasure]) -> dict[str, Model]:
    found: dict[str, Model] = {}
    for model in every_model():
        declared, meta = declaration(model), model._meta  # noqa: SLF001 - Django's documented name
        owned = any(column.attname == "organization_id" for column in meta.concrete_fields)
        if owned and declared is not None and declared.kept is not None and declared.kept.erasure in wanted:
            found[meta.db_table] = model
    return found


def titles() -> Mapping[str, str]:
    """What people call the rows of each doomed table."""
    return {table: title_of(model) for table, model in _of_organizations(frozenset({Erasure.DELETED})).items()}


@cache
def doomed_tables() -> tuple[str, ...]:
    """The tables whose rows go with their organization, those first that others do not stand in the way of."""
    doomed = set(_of_organizations(frozenset({Erasure.DELETED}))) - {ORGANIZATION}
    with connection.cursor() as cursor:
        cursor.execute(REFERENCES)
        keys = [(child, parent, kind) for child, parent, kind in cursor.fetchall() if {child, parent} <= doomed]
    hard = {(child, parent) for child, parent, kind in keys if kind in {"a", "r"}}
    soft = {(child, parent) for child, parent, _ in keys} - hard
    order: list[str] = []
    while doomed:
        free = sorted(table for table in doomed if not any(p == table and c in doomed for c, p in hard))
        if not free:
            raise RuntimeError(f"These tables wait for each other: {sorted(doomed)}")
        # Of those, what nothing refers to: so that a batch takes only its own rows along.
        leaves = [table for table in free if not any(p == table and c in doomed for c, p in soft)]
        order += leaves or free[:1]
        doomed -= set(order)
    return tuple(order)


def surviving_tables() -> tuple[str, ...]:
    """The tables whose rows outlive their organization, naming it by its id only."""
    return tuple(sorted(_of_organizations(frozenset({Erasure.STAYS}))))


def deletable_tables() -> frozenset[str]:
    """Those whose rows the running role may remove; of the others they go with what they belong to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.role_table_grants"
            " WHERE grantee = current_user AND privilege_type = 'DELETE' AND table_schema = 'public'"
        )
        return frozenset(row[0] for row in cursor.fetchall())


def count_rows(organization_id: UUID) -> list[dict[str, Any]]:
    """Rows of each doomed table that has any, by what people call them. In the caller's tenant transaction."""
    counted = []
    with connection.cursor() as cursor:
        for table, title in titles().items():
            if table == "jobs_job":
                continue  # work under way comes and goes, this very erasure with it
            cursor.execute(f"SELECT count(*) FROM {table} WHERE organization_id = %s", [organization_id])  # noqa: S608 - a name from our models
            rows = cursor.fetchone()[0]
            counted += [{"what": title, "table": table, "rows": rows}] if rows else []
    return sorted(counted, key=lambda line: (-line["rows"], line["what"]))
