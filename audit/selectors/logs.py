"""Reads of the two logs of an environment as they are proved: entries in their order, and the tree over them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Tree:
    """The Merkle tree over the first `size` entries of a log. `root` is that of nothing while the log is empty."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a log at its place, `index` from 1. `document` is what is hashed, and the data of its leaf.

    `detail` and `salt` are what the document commits to; both None if it can no longer be opened, or was kept before
    HQ committed to it. What they say is whole, they do not say: `bin/verify` and `audit.verify` do.
    """

    index: int
    document: bytes
    previous: bytes
    hash: bytes
    detail: dict[str, Any] | None
    salt: str | None
    at: datetime
