"""Every table's rows, as far as its fields are declared to be exported (hq.db.classes): nothing else is even read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import models

from audit import selectors as trail
from exports.registry import BOTH, OWN, Asked, Rows, add_source
from hq.db import classes
from hq.db.fields import Tampered
from hq.db.sealing import KeyUnavailable

Model = type[models.Model]
Filter = Callable[[Asked], Mapping[str, Any]]

# Told in a better way (the trail, with what is hashed), and the notes that exports are made by.
NOT_AS_TABLES = frozenset({"audit_auditevent", "exports_entry"})
UNREADABLE = {"unreadable": True}


def of_person(name: str) -> Filter:
    """Rows whose column of this name is the person."""
    return lambda asked: {name: asked.person_id}


def _of_member(name: str) -> Filter:
    return lambda asked: {name: asked.membership_id}


def _stored(asked: Asked) -> Mapping[str, Any]:
    return {"created_by_kind": "person", "created_by_id": asked.person_id}


def _all(_: Asked) -> Mapping[str, Any]:
    return {}


def _itself(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.organization_id}


# What HQ keeps of a person: outside of any organization, and then what they did in this one.
ACCOUNT: dict[str, tuple[str, Filter]] = {
    "tenants_user": ("Your account", of_person("id")),
    "account_emailaddress": ("Your addresses", of_person("user_id")),
    "socialaccount_socialaccount": ("Other accounts that you sign in with", of_person("user_id")),
    "usersessions_usersession": ("Your sessions", of_person("user_id")),
    "audit_personevent": ("Your activity", of_person("person_id")),
}
HERE: dict[str, tuple[str, Filter]] = {
    "tenants_membership": ("Your place in the organization", of_person("user_id")),
    "tenants_groupmember": ("Your groups", _of_member("membership_id")),
    "tenants_aclentry": ("Access rules that name you", _of_member("membership_id")),
    "tenants_apikey": ("API keys that you made", of_person("created_by_id")),
    "sharing_sharelink": ("Links that you made", of_person("created_by_id")),
    "sharing_sharepath": ("Paths of the links that you made", of_person("link__created_by_id")),
    "audit_accessentry": ("Your requests", of_person("actor_id")),
    "vault_objectversion": ("What you stored", _stored),
    "signing_agreement": ("Agreements that you made", _stored),
    "exports_export": ("Your exports", of_person("requested_by_id")),
}


def register_tables() -> None:
    """Every table with an organization's rows, and of a person what names them."""
    tables = {_table(model): model for model in classes.every_model()}
    for name, (title, chosen) in (ACCOUNT | HERE).items():
        add_source(f"own_{name}", title, rows_of(tables[name], chosen, within=name in HERE), scopes=OWN)
    add_source("own_factors", "Your second factors", _factors, scopes=OWN)
    add_source("trail", "The audit trail, with what is hashed", _trail, scopes=BOTH)
    add_source("people", "The people of the organization", _people_of(tables["tenants_membership"]))
    for name, model in tables.items():
        if "organization_id" in _columns(model) and name not in NOT_AS_TABLES:
            add_source(name, _title(model), rows_of(model, _all))
    organization = rows_of(tables["tenants_organization"], _itself, within=False)
    add_source("tenants_organization", "The organization", organization)


def rows_of(model: Model, chosen: Filter, *, within: bool = True) -> Rows:
    """A page of a table by its key. `within`: its rows name their organization."""

    def page(asked: Asked, after: str, limit: int) -> Sequence[tuple[str, Mapping[str, Any]]]:
        found: Any = model._base_manager.filter(**chosen(asked))  # noqa: SLF001 - Django's documented name
        if within:
            found = found.filter(organization_id=asked.organization_id)
        if after:
            found = found.filter(pk__gt=after)
        names = classes.exported(model)
        rows = found.only(*names).order_by("pk")[:limit]
        return [(str(row.pk), shown(row, names)) for row in rows]

    return page


def shown(row: models.Model, names: Iterable[str]) -> dict[str, Any]:
    """These columns of a row, opened, in JSON's own types. What does not open is said to. Raises KeyUnavailable."""
    return {name: _value(row, name) for name in names}


def _value(row: models.Model, name: str) -> Any:
    try:
        return plain(getattr(row, name))
    except KeyUnavailable:
        raise
    except Tampered:
        return UNREADABLE


def plain(value: Any) -> Any:
    """Times in UTC, ids as text, bytes in hex."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _trail(asked: Asked, after: str, limit: int) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Each event as the text that is hashed, the hash before it and its own, and the detail that it commits to."""
    environment, _, index = after.partition(":")
    events = trail.page_chains(
        asked.organization_id,
        after=(UUID(environment), int(index)) if after else None,
        actor_id=asked.person_id if asked.scope == "own" else None,
        limit=limit,
    )
    return [(f"{event.environment_id}:{event.index}", _told(event)) for event in events]


def _told(event: Any) -> dict[str, Any]:
    return {
        "environment": str(event.environment_id),
        "index": event.index,
        "document": event.document().decode(),
        "previous": bytes(event.previous).hex(),
        "hash": bytes(event.hash).hex(),
        "detail": _value(event, "detail"),
    }


def _people_of(memberships: Model) -> Rows:
    """Members by name and address; what else their accounts hold is not the organization's."""

    def page(asked: Asked, after: str, limit: int) -> Sequence[tuple[str, Mapping[str, Any]]]:
        rows: Any = memberships._base_manager.filter(organization_id=asked.organization_id)  # noqa: SLF001 - Django's documented name
        if after:
            rows = rows.filter(pk__gt=after)
        return [
            (str(row.pk), shown(row, ["id", "user_id", "role", "joined_at"]) | shown(row.user, ["email", "name"]))
            for row in rows.select_related("user").order_by("pk")[:limit]
        ]

    return page


def _factors(asked: Asked, after: str, limit: int) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Which ones, and what they are called. What they are made of is a secret."""
    rows = Authenticator.objects.filter(user_id=asked.person_id, pk__gt=int(after or 0)).order_by("pk")[:limit]
    names = classes.exported(Authenticator)
    return [(str(row.pk), shown(row, names) | {"name": str(row)}) for row in rows]


def _table(model: Model) -> str:
    return str(model._meta.db_table)  # noqa: SLF001 - Django's documented name


def _columns(model: Model) -> set[str]:
    return {column.attname for column in classes.fields(model)}


def _title(model: Model) -> str:
    return str(getattr(model, "sealed_title", "") or model._meta.verbose_name_plural).capitalize()  # noqa: SLF001 - Django's documented name
