"""What stands in a row's memory for a sealed column: the database's bytes, and what came out if anyone looked."""

import copy
import pickle
from typing import Any, Final, Self
from uuid import UUID

from hq.lib.canonical import NotCanonical, canonical


class _Closed:
    """Nobody has looked yet."""


CLOSED: Final = _Closed()


class Sealed:
    """A sealed value, with the organization and row it was sealed for. A draft has no bytes yet, only `opened`.

    `plain` is kept for documents only: they can be changed in place, and that is found by comparing. Printing shows the
    size; copying deeply and pickling leave out what was opened.
    """

    __slots__ = ("data", "opened", "organization_id", "plain", "row_id")

    def __init__(
        self,
        data: Any,
        organization_id: Any = None,
        row_id: Any = None,
        opened: Any = CLOSED,
        plain: bytes | None = None,
    ) -> None:
        self.data: bytes | None = data
        self.organization_id: UUID | None = organization_id
        self.row_id: UUID | None = row_id
        self.opened = opened
        self.plain = plain

    @property
    def changed(self) -> bool:
        """True for what no sealed bytes stand for yet."""
        if self.data is None or self.plain is None:
            return self.data is None
        try:
            return canonical(self.opened) != self.plain
        except NotCanonical:
            return True

    def __repr__(self) -> str:
        return "<draft of a sealed value>" if self.data is None else f"<sealed {len(self.data)} bytes>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if self.changed:
            return type(self)(None, opened=copy.deepcopy(self.opened, memo))
        return type(self)(self.data, self.organization_id, self.row_id)

    def __reduce__(self) -> Any:
        if self.changed:
            raise pickle.PicklingError(
                "Save the row first: the new value of its sealed column would leave memory as plain text."
            )
        return type(self), (self.data, self.organization_id, self.row_id)
