"""What every place for the archive does, whichever it is."""

from hashlib import sha256

import pytest

from archive.buckets import Absent, AlreadyThere, Bucket
from hq.lib.ids import new_id


def new_name(day: str = "2026/11/22", ending: str = "1-2.jsonl.gz") -> str:
    return f"audit/admin/{new_id()}/{day}/{ending}"


class BucketContract:
    """A class of tests for each kind gives the fixture `place`."""

    def test_it_gives_back_what_it_took(self, place: Bucket) -> None:
        name, content = new_name(), bytes(range(256)) * 1000
        place.put(name, content)
        assert place.read(name) == content

    def test_a_name_is_taken_once_and_what_is_there_stays(self, place: Bucket) -> None:
        name = new_name()
        place.put(name, b"first")
        for again in (b"other", b"first"):
            with pytest.raises(AlreadyThere):
                place.put(name, again)
        assert place.read(name) == b"first"

    def test_what_is_not_there_is_said_to_be_absent(self, place: Bucket) -> None:
        for look in (place.read, place.digest):
            with pytest.raises(Absent):
                look(new_name())

    def test_it_tells_the_hash_of_what_it_keeps(self, place: Bucket) -> None:
        name, content = new_name(), bytes(range(256)) * 1000
        place.put(name, content)
        place.check()
        assert place.digest(name) == sha256(content).digest()

    def test_it_lists_what_lies_below_a_prefix_in_order_and_nothing_else(self, place: Bucket) -> None:
        environment = new_id()
        names = [f"audit/admin/{environment}/2026/{month:02}/01/1-2.jsonl.gz" for month in (3, 1, 2)]
        for name in [*names, new_name()]:
            place.put(name, b"x")
        assert list(place.names(f"audit/admin/{environment}/")) == sorted(names)
        assert list(place.names(f"audit/admin/{environment}/2026/02/")) == [names[2]]
        assert list(place.names(f"audit/admin/{new_id()}/")) == []

    @pytest.mark.parametrize("name", ["x", "/x", "audit/../x", "audit/X", "audit//x", "audit/x\n", "audit/é", ""])
    def test_a_name_that_is_none_of_ours_becomes_no_path(self, place: Bucket, name: str) -> None:
        with pytest.raises(ValueError, match="no such names"):
            place.put(name, b"x")
        with pytest.raises(ValueError, match="no such names"):
            place.read(name)

    def test_it_may_be_prepared_again(self, place: Bucket) -> None:
        name = new_name()
        place.put(name, b"x")
        place.prepare()
        assert place.read(name) == b"x"
