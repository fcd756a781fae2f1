"""Who is told what: one rule, and it is asked of everything that is written."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from streams.live.events import (
    ACCOUNT,
    MISSED,
    REQUESTS,
    TRAIL,
    Event,
    Position,
    new_for,
    visible,
    written,
)
from streams.live.people import Viewer

ME, OURS, LIVE = uuid4(), uuid4(), uuid4()
READER = Viewer(ME, OURS, LIVE, reads_trail=True)
EVENT = Event(TRAIL, {}, OURS, LIVE, None, 5)


@pytest.mark.parametrize(
    ("viewer", "event", "may"),
    [
        (READER, EVENT, True),
        (READER, replace(EVENT, kind=REQUESTS), True),
        (replace(READER, reads_trail=False), EVENT, False),
        (replace(READER, reads_trail=False), replace(EVENT, kind=REQUESTS), False),
        (READER, replace(EVENT, organization_id=uuid4()), False),
        (READER, replace(EVENT, environment_id=uuid4()), False),
        (READER, replace(EVENT, organization_id=None, environment_id=None), False),
        (READER, Event(ACCOUNT, {}, person_id=ME, id=uuid4()), True),
        (replace(READER, reads_trail=False), Event(ACCOUNT, {}, person_id=ME, id=uuid4()), True),
        (READER, Event(ACCOUNT, {}, person_id=uuid4(), id=uuid4()), False),
        (READER, Event(ACCOUNT, {}, OURS, LIVE, None, 0, uuid4()), False),
        (READER, replace(EVENT, kind="anything"), False),
        (READER, replace(EVENT, kind=MISSED), False),
    ],
)
def test_only_what_is_ones_own_is_told(viewer: Viewer, event: Event, may: bool) -> None:
    assert visible(viewer, event) is may
    assert new_for(viewer, [event], Position()) == ([event] if may else [])


def test_what_was_told_is_not_told_again() -> None:
    assert new_for(READER, [EVENT], Position(5)) == []
    assert new_for(READER, [EVENT], Position(4)) == [EVENT]
    assert Position(4, 2).after(EVENT) == Position(5, 2)


@pytest.mark.parametrize("text", ["0.0.00000000000000000000000000000000", "7.3.0190b3a0a4e87a2b9c4f1f2e3d4c5b6a"])
def test_a_position_reads_as_it_was_written(text: str) -> None:
    assert str(Position.read(text)) == text


@pytest.mark.parametrize("text", ["", "x", "-1", "1.x", "1.2.3", "١", "1" * 81, "1.2.zz", "1e3", "\n"])
def test_what_is_no_position_is_none(text: str) -> None:
    assert Position.read(text) is None
    assert Position.read("12") == Position(12, -1, UUID(int=0))


def test_nothing_in_an_event_ends_it() -> None:
    raw = written(TRAIL, {"tag": "a\n\nevent: end\ndata: {}\r\r\u2028"}, Position(1))
    assert raw.count(b"\n\n") == 1
    assert b"\r" not in raw
    assert raw.decode().splitlines()[1] == "event: trail"
    assert len(raw.decode().splitlines()) == 4
