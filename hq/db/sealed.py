"""What stands in a row's memory for a sealed column: the database's bytes, and what came out if anyone looked."""

import copy
import pickle
from typing import Any, Final
from uuid import UUID

from hq.lib.canonical import NotCanonical, canonical


class _Closed:
    """Nobody has looked yet."""


CLOSED: Final = _Closed()


class Sealed:
    """A sealed value, with the organization and row it was sealed for, and `opened` once somebody has looked.

    `plain` is set for documents only: they can be changed in place, and that is found by comparing. `ready` is set on
    what a field made to be written. Printing shows the size; copying deeply and pickling leave out what was opened.

    There is no `__init__`: one is made for each value of each row that is read, and calling it would cost more than the
    rest of making it. `of` makes one, closed.
    """

    __slots__ = ("data", "opened", "organization_id", "plain", "ready", "row_id")
    data: bytes
    opened: Any
    organization_id: UUID | None
    plain: bytes
    ready: bool
    row_id: UUID | None

    @classmethod
    def of(cls, data: bytes, organization_id: UUID | None = None, row_id: UUID | None = None) -> "Sealed":
        made = cls()
        made.data, made.opened, made.organization_id, made.row_id = data, CLOSED, organization_id, row_id
        return made

    @property
    def changed(self) -> bool:
        """True if an opened document is no longer what the bytes say."""
        try:
            return hasattr(self, "plain") and canonical(self.opened) != self.plain
        except NotCanonical:
            return True

    def __repr__(self) -> str:
        return f"<sealed {len(self.data)} bytes>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if self.changed:
            return copy.deepcopy(self.opened, memo)
        return Sealed.of(self.data, self.organization_id, self.row_id)

    def __reduce__(self) -> Any:
        if self.changed:
            raise pickle.PicklingError("Save the row first: its sealed document was changed.")
        return Sealed.of, (self.data, self.organization_id, self.row_id)
