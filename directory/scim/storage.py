"""The library's storage over real rows: people are memberships, groups are groups (RFC 7644)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from scim2_models import (
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SearchRequest,
    TooManyException,
    UniquenessException,
)
from scim2_server.storage import ScimStorage, SearchPage

from directory.actions.scim_groups import add_scim_group, change_scim_group, remove_scim_group
from directory.actions.scim_people import (
    AlreadyInDirectory,
    add_scim_user,
    change_scim_user,
    remove_scim_user,
    take_turn,
)
from directory.models import ScimGroup, ScimUser
from directory.scim.filters import EVERYTHING, Narrowed, narrowed
from directory.scim.provider import model_of
from directory.scim.resources import address_of, entry_of, group_entry_of, group_resource, read_id, user_resource
from directory.selectors.scim import get_scim_group, get_scim_user, members_of, scim_groups, scim_users
from hq.authz.actor import Actor
from hq.db.context import tenant
from hq.lib.errors import NotFound, PreconditionFailed
from tenants.actions.groups import GroupNameTaken

# What is sorted, or compared by what no column holds, is opened row by row: up to so many rows, and no further.
SCAN_MOST = 2_000
START_MOST = 2**31  # beyond what any organization keeps, and within what the database counts to


class DirectoryStorage(ScimStorage):
    """One organization's people and groups, for one request of its directory.

    `changing` makes each operation wait for its turn before it reads, so that what it read is still so when it writes.
    `labels` remembers the names of what was touched, for the log: of what is deleted nobody can read it afterwards.
    """

    address_of = staticmethod(address_of)

    def __init__(self, actor: Actor, *, changing: bool) -> None:
        self.actor = actor
        self.changing = changing
        self.labels: dict[str, str] = {}
        self.asked = ""  # the name of whoever was to be made last

    @contextmanager
    def operation(self) -> Iterator[None]:
        """A transaction of its own: one of a bulk request may fail, and the next goes on."""
        with tenant(self.actor.organization_id):
            if self.changing:
                take_turn(self.actor.organization_id)
            yield

    # ---- one resource

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        with _translated():
            if _is_group(resource_type):
                group = get_scim_group(self.actor, _read(resource_id))
                return self._group(resource_type, group, shown=_shows_members(response_parameters))
            return self._user(resource_type, get_scim_user(self.actor, _read(resource_id)))

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        said: Any = resource
        self.asked = said.display_name if _is_group(resource_type) else said.user_name
        with _translated():
            if _is_group(resource_type):
                group = add_scim_group(actor=self.actor, entry=group_entry_of(resource))
                return self._group(resource_type, group)
            entry = entry_of(resource, address=self.address_of(resource), active=True)
            return self._user(resource_type, add_scim_user(actor=self.actor, entry=entry))

    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        with _translated():
            target = _read(str(resource.id))
            if _is_group(resource_type):
                get_scim_group(self.actor, target)  # what is not there is not there, whatever is wrong with the rest
                said = group_entry_of(resource)
                group = change_scim_group(actor=self.actor, group_id=target, entry=said, expected=expected_version)
                return self._group(resource_type, group)
            # Left out is no word about it: nobody loses a membership by what a request does not say.
            active = get_scim_user(self.actor, target).active
            entry = entry_of(resource, address=self.address_of(resource), active=active)
            user = change_scim_user(actor=self.actor, user_id=target, entry=entry, expected=expected_version)
            return self._user(resource_type, user)

    def delete(self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None) -> None:
        with _translated():
            target = _read(resource_id)
            if _is_group(resource_type):
                remove_scim_group(actor=self.actor, group_id=target, expected=expected_version)
            else:
                remove_scim_user(actor=self.actor, user_id=target, expected=expected_version)

    # ---- many

    def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        """By conditions of the database where the filter allows it; else among at most 2,000 rows that it leaves."""
        start, count = min(search_request.start_index_0 or 0, START_MOST), search_request.count
        stop = None if count is None else start + count
        shown = _shows_members(search_request)
        asked = [(kind, self._narrowed(kind, search_request)) for kind in resource_types]
        if len(asked) == 1 and asked[0][1].exact and search_request.sort_by is None:
            kind, found = asked[0]
            rows = self._rows(kind, found)
            return SearchPage(rows.count(), self._resources(kind, list(rows[start:stop]), shown=shown))
        if sum(self._rows(kind, found).count() for kind, found in asked) > SCAN_MOST:
            raise TooManyException(detail=f"More than {SCAN_MOST} resources would have to be looked through")
        judge = search_request.filter
        matching = [
            resource
            for kind, found in asked
            for resource in self._resources(kind, list(self._rows(kind, found)), shown=True)
            if judge is None or judge.match(resource)
        ]
        ordered = search_request.sort(matching) if search_request.sort_by is not None else matching
        return SearchPage(len(ordered), list(ordered)[start:stop])

    def _narrowed(self, kind: ResourceType, search_request: SearchRequest[Any]) -> Narrowed:
        if search_request.filter is None:
            return Narrowed(EVERYTHING.condition, exact=True)
        return narrowed(self.actor, str(kind.name), search_request.filter.ast)

    def _rows(self, kind: ResourceType, found: Narrowed) -> Any:
        read: Callable[..., Any] = scim_groups if _is_group(kind) else scim_users
        return read(self.actor, found.condition)

    def _resources(self, kind: ResourceType, rows: list[Any], *, shown: bool) -> list[Resource[Any]]:
        model = model_of(kind)
        if not _is_group(kind):
            return [user_resource(model, row) for row in rows]
        inside = members_of(self.actor, [row.pk for row in rows]) if shown else {}
        return [group_resource(model, row, inside.get(row.pk)) for row in rows]

    # ---- rows as resources

    def _user(self, kind: ResourceType, row: ScimUser) -> Resource[Any]:
        self.labels[str(row.pk)] = row.user_name or ""
        return user_resource(model_of(kind), row)

    def _group(self, kind: ResourceType, row: ScimGroup, *, shown: bool = True) -> Resource[Any]:
        self.labels[str(row.pk)] = row.group.name
        inside = members_of(self.actor, [row.pk]).get(row.pk) if shown else None
        return group_resource(model_of(kind), row, inside)


def _is_group(kind: ResourceType) -> bool:
    return kind.name == "Group"


def _read(resource_id: str) -> UUID:
    found = read_id(resource_id)
    if found is None:
        raise NotFound
    return found


def _shows_members(asked: ResponseParameters[Any] | SearchRequest[Any] | None) -> bool:
    """False if the answer leaves the members of a group out, so that a large one need not be read."""
    if asked is None:
        return True
    kept = [str(path).rpartition(":")[2].lower() for path in asked.attributes or []]
    if kept:
        return any(name.partition(".")[0] == "members" for name in kept)
    return all(str(path).rpartition(":")[2].lower() != "members" for path in asked.excluded_attributes or [])


@contextmanager
def _translated() -> Iterator[None]:
    """HQ's refusals that the library has names for. The others keep their own sentence: see `Service.error_of`."""
    try:
        yield
    except NotFound as error:
        raise NotFoundException(detail="There is nothing here of this id") from error
    except PreconditionFailed as error:
        raise PreconditionFailedException from error
    except (AlreadyInDirectory, GroupNameTaken) as error:
        raise UniquenessException(detail=str(error)) from error
