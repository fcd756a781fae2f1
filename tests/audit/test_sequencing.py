"""Lines of the access log get their places in batches, each once, in an order that nothing can get between."""

import pytest

from audit import actions, recorder, selectors
from audit.tags import Log
from hq.crypto import chain, merkle
from hq.db.context import tenant
from tests.factories import ORIGIN, Place, make_place

pytestmark = pytest.mark.django_db(transaction=True)


def request(place: Place, number: int, **other: object) -> None:
    line = {"organization_id": place.id, "actor": place.actor(), "origin": ORIGIN, "verb": "GET", "route": "r"}
    recorder.record_access(**line | {"status": 200, "milliseconds": number, "detail": {"path": f"p{number}"}} | other)


def entries(place, log=Log.ACCESS, **how):
    with tenant(place.id):
        return selectors.page_log(place.id, how.pop("environment_id", place.live_id), log, after=0, limit=100_000)


def test_lines_get_their_places_links_and_leaves():
    place = make_place()
    for number in range(300):
        request(place, number)
    actions.grow(place.id, place.live_id)
    found = entries(place)
    assert [entry.index for entry in found] == list(range(1, 301))
    assert [entry.detail["path"] for entry in found] == [f"p{number}" for number in range(300)]
    previous = chain.GENESIS
    for entry in found:
        assert entry.previous == previous
        previous = chain.link(previous, entry.document)
        assert entry.hash == previous
    leaves = [merkle.leaf_hash(entry.document) for entry in found]
    with tenant(place.id):
        tree = selectors.tree_of(place.id, place.live_id, Log.ACCESS)
        assert tree == selectors.Tree(300, merkle.root_of(leaves))
        for index in (0, 255, 256, 299):
            path = selectors.inclusion(place.id, place.live_id, Log.ACCESS, index, 300)
            merkle.check_inclusion(leaves[index], index, 300, path, tree.root)
        admin = selectors.tree_of(place.id, place.live_id, Log.ADMIN)
    assert admin == selectors.Tree(2, merkle.root_of(merkle.leaf_hash(e.document) for e in entries(place, Log.ADMIN)))
    assert selectors.find_waiting() == []
