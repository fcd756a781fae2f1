"""SCIM filters as conditions of the database, as far as they go there. What goes not is judged row by row."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce
from operator import and_, or_
from typing import Any, NamedTuple

from django.db.models import Q
from scim2_models.path import AttrPath, CompareOperator, Comparison, LogicalExpr, LogicalOperator, ValuePath

from directory.scim.resources import GROUP, USER, read_id
from directory.selectors.scim import EMAIL, EXTERNAL_ID, GROUP_EXTERNAL_ID, GROUP_NAME, USER_NAME, index_of
from hq.authz.actor import Actor

NOBODY = Q(pk__in=[])
_TIMES = {
    CompareOperator.eq: "",
    CompareOperator.gt: "__gt",
    CompareOperator.ge: "__gte",
    CompareOperator.lt: "__lt",
    CompareOperator.le: "__lte",
}


class Narrowed(NamedTuple):
    """A condition that lets through every match, and whether it lets through nothing else."""

    condition: Q
    exact: bool


EVERYTHING = Narrowed(Q(), exact=False)
Compare = Callable[[Actor, Any], Q | None]


def narrowed(actor: Actor, kind: str, node: Any) -> Narrowed:
    """The condition for a filter's tree, on the rows of `kind` (User or Group)."""
    if isinstance(node, LogicalExpr):
        parts = [narrowed(actor, kind, term) for term in node.terms]
        exact = all(part.exact for part in parts)
        if node.op == LogicalOperator.and_:
            return Narrowed(reduce(and_, (part.condition for part in parts)), exact)
        return Narrowed(reduce(or_, (part.condition for part in parts)), exact) if exact else EVERYTHING
    if isinstance(node, Comparison):
        return _compared(actor, kind, node)
    if isinstance(node, ValuePath):
        return _selected(actor, kind, node)
    return EVERYTHING


def _compared(actor: Actor, kind: str, node: Comparison) -> Narrowed:
    name = _name(kind, node.attr_path)
    if name in {"meta.lastmodified", "meta.created"} and node.op in _TIMES:
        moment = _moment(node.value)
        column = "modified_at" if name == "meta.lastmodified" else "created_at"
        return Narrowed(Q(**{column + _TIMES[node.op]: moment}), exact=True) if moment else EVERYTHING
    compare = _EQUAL[kind].get(name) if node.op == CompareOperator.eq else None
    condition = compare(actor, node.value) if compare else None
    return EVERYTHING if condition is None else Narrowed(condition, exact=True)


def _selected(actor: Actor, kind: str, node: ValuePath) -> Narrowed:
    """`emails[type eq "work" and value eq "x"]`: the value finds the rows, the rest is judged on them."""
    name = _name(kind, node.attr_path)
    inner = node.val_filter
    joined = isinstance(inner, LogicalExpr) and inner.op == LogicalOperator.and_
    terms = inner.terms if joined and isinstance(inner, LogicalExpr) else (inner,)
    for term in terms:
        if isinstance(term, Comparison) and term.op == CompareOperator.eq and str(term.attr_path).lower() == "value":
            compare = _EQUAL[kind].get(f"{name}.value")
            condition = compare(actor, term.value) if compare else None
            if condition is not None:
                return Narrowed(condition, exact=len(terms) == 1)
    return EVERYTHING


def _name(kind: str, path: AttrPath) -> str:
    """The attribute in lower case, "" where it is another schema's."""
    if path.uri is not None and path.uri.lower() != {"User": USER, "Group": GROUP}[kind].lower():
        return ""
    return f"{path.attr}.{path.sub_attr}".lower() if path.sub_attr else path.attr.lower()


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _indexed(column: str, label: str, *, exact: bool = False) -> Compare:
    def compare(actor: Actor, value: Any) -> Q | None:
        return Q(**{column: index_of(actor, label, value, exact=exact)}) if isinstance(value, str) else None

    return compare


def _email(actor: Actor, value: Any) -> Q | None:
    return Q(emails_index__contains=[index_of(actor, EMAIL, value)]) if isinstance(value, str) else None


def _active(actor: Actor, value: Any) -> Q | None:
    return Q(membership__isnull=not value) if isinstance(value, bool) else None


def _by_id(column: str) -> Compare:
    def compare(actor: Actor, value: Any) -> Q | None:
        found = read_id(value)
        return Q(**{column: found}) if found else NOBODY if isinstance(value, str) else None

    return compare


_EQUAL: dict[str, dict[str, Compare]] = {
    "User": {
        "username": _indexed("user_name_index", USER_NAME),
        "externalid": _indexed("external_id_index", EXTERNAL_ID, exact=True),
        "emails": _email,
        "emails.value": _email,
        "active": _active,
        "id": _by_id("pk"),
    },
    "Group": {
        "displayname": _indexed("name_index", GROUP_NAME),
        "externalid": _indexed("external_id_index", GROUP_EXTERNAL_ID, exact=True),
        "members": _by_id("members__user"),
        "members.value": _by_id("members__user"),
        "id": _by_id("pk"),
    },
}
