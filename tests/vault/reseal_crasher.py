"""A process that brings stored files under the newest key and is killed, as a power cut would, at a numbered step.

`python -m tests.vault.reseal_crasher STEP ORGANIZATION VERSION`. As in tests.vault.crasher, no hook is in the product.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from uuid import UUID

from tests.vault.crasher import after, before, die

STEPS = (
    "list: before the commit",
    "list: committed",
    "row: before the commit",
    "row: committed",
    "file: begun",
    "file: first sign of life",
    "file: in the middle",
    "file: all is written",
    "file: before the rename",
    "file: after the rename",
    "place: before the commit",
    "place: committed",
    "old file: removed",
    "old row: removed",
    "second file: row is there",
    "second file: place committed",
)
# In which transaction, and whether before its commit. The first lists; each file has four: its row, two signs of life,
# the change of place. The old file goes in none of them.
TRANSACTIONS = {
    "list: before the commit": (1, True),
    "list: committed": (1, False),
    "row: before the commit": (2, True),
    "row: committed": (2, False),
    "file: first sign of life": (3, False),
    "place: before the commit": (5, True),
    "place: committed": (5, False),
    "second file: row is there": (6, False),
    "second file: place committed": (9, False),
}


def steps(organization_id: UUID, at: str) -> Callable[[], AbstractContextManager[None]]:
    """The caller's transactions, of which one is the last."""
    from hq.db.context import tenant

    dies_in, early = TRANSACTIONS.get(at, (0, False))
    numbers = count(1)

    @contextmanager
    def step() -> Iterator[None]:
        number = next(numbers)
        with tenant(organization_id):
            yield
            if number == dies_in and early:
                die()
        if number == dies_in:
            die()

    return step


def pieces(chunks: Iterable[bytes], at: str) -> Iterator[bytes]:
    for number, chunk in enumerate(chunks):
        if number == 2 and at == "file: in the middle":
            die()
        yield chunk
    if at == "file: all is written":
        die()


def main() -> None:
    import django

    django.setup()
    from hq.crypto import stream
    from vault.actions import StoredFiles, drafts
    from vault.store import embedded

    at, organization_id, version = sys.argv[1], UUID(sys.argv[2]), int(sys.argv[3])
    drafts.lively = lambda chunks, renew: pieces(chunks, at)
    match at:
        case "file: begun":
            stream.SealingWriter.__init__ = after(stream.SealingWriter.__init__)  # type: ignore[method-assign]  # dies there
        case "file: before the rename":
            Path.rename = before(Path.rename)  # type: ignore[method-assign]  # dies there
        case "file: after the rename":
            embedded._rename = after(embedded._rename)
        case "old file: removed":
            embedded.EmbeddedStore.delete = after(embedded.EmbeddedStore.delete)  # type: ignore[method-assign]  # dies there
        case "old row: removed":
            drafts.remove = after(drafts.remove)
    print("survived", StoredFiles().reseal(steps(organization_id, at), organization_id, version, None, 100))


if __name__ == "__main__":
    main()
