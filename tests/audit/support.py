"""Lines of the access log without a request, and what stands in it."""

from collections.abc import Sequence
from typing import Any

from audit import recorder, selectors
from audit.selectors import Entry
from audit.tags import Log
from hq.crypto import chain, merkle
from hq.db.context import tenant
from tests.factories import ORIGIN, Place


def request(place: Place, number: int = 0, **other: Any) -> None:
    """One line, in a transaction of its own, as the middleware writes it."""
    line: dict[str, Any] = {"organization_id": place.id, "actor": place.actor(), "origin": ORIGIN}
    line |= {"verb": "GET", "route": "r", "status": 200, "milliseconds": number, "detail": {"path": str(number)}}
    recorder.record_access(**line | other)


def entries(place: Place, log: Log = Log.ACCESS) -> Sequence[Entry]:
    with tenant(place.id):
        return selectors.page_log(place.id, place.live_id, log, after=0, limit=100_000)


def whole(place: Place, log: Log = Log.ACCESS) -> list[int]:
    """That indexes are without gaps, links follow one another and the tree is over these leaves; the lines' numbers."""
    found = entries(place, log)
    assert [entry.index for entry in found] == list(range(1, len(found) + 1))
    previous = chain.GENESIS
    for entry in found:
        assert entry.previous == previous
        previous = chain.link(previous, entry.document)
        assert entry.hash == previous
    with tenant(place.id):
        tree = selectors.tree_of(place.id, place.live_id, log)
    assert tree == selectors.Tree(len(found), merkle.root_of(merkle.leaf_hash(entry.document) for entry in found))
    return [int((entry.detail or {}).get("path", 0)) for entry in found]
