import os
from datetime import timedelta

from hq.lib.clock import now
from hq.lib.ids import new_id


def test_it_is_a_version_7_uuid():
    made = new_id()
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"


def test_it_tells_the_millisecond_it_was_made_in():
    before = int(now().timestamp() * 1000)
    made = new_id().int >> 80
    assert before <= made <= int(now().timestamp() * 1000)


def test_it_never_repeats_on_both_sides_of_a_fork():
    new_id()
    seen = {new_id().bytes}
    for _ in range(4):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, new_id().bytes)
            os._exit(0)
        os.waitpid(child, 0)
        seen.add(os.read(reader, 16))
        os.close(reader)
        os.close(writer)
    # Without the time, which differs anyway.
    assert len({made[-8:] for made in seen}) == 5


def test_it_tells_the_time_in_utc():
    assert now().utcoffset() == timedelta(0)
