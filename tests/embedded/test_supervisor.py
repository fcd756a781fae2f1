"""The supervisor with real services and real signals."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.database import home
from tests.embedded.instance import Instance, wait_for

Make = Callable[..., Instance]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_stops_clean(instance: Instance, number: signal.Signals):
    instance.start()

    instance.send(number)

    assert instance.wait() == 0
    assert instance.left_running() == []
    assert "database system is shut down" in (instance.data / "logs" / "postgres.log").read_text()


def test_it_prefixes_what_children_print(instance: Instance):
    assert "web     | web is here" in instance.start().output()


def test_it_leaves_nothing_when_it_is_killed(instance: Instance):
    instance.start()

    instance.send(signal.SIGKILL)
    instance.wait()

    wait_for(lambda: not instance.left_running(), "the children to end", seconds=10)
    assert "database system is shut down" in (instance.data / "logs" / "postgres.log").read_text()
    instance.start()


def test_it_refuses_a_second_one_on_the_same_folder_at_once(instance: Instance, make_instance: Make):
    instance.start()
    second = make_instance(instance.data).launch()

    assert second.wait() == 1
    assert f"bin/run is already running on {instance.data}, as process {instance.pid}" in second.output()
    assert len(second.output().splitlines()) == 1
    assert instance.running


def test_it_runs_side_by_side_with_another(instance: Instance, make_instance: Make):
    other = make_instance().start()

    instance.start()

    assert other.running
    assert instance.postmaster() != other.postmaster()


def test_it_moves_sockets_to_a_short_folder_when_the_path_is_long(make_instance: Make):
    long = make_instance(home() / ("d" * 100)).start()

    long.send(signal.SIGINT)

    assert long.wait() == 0


def test_it_refuses_a_taken_port_before_anything_starts(instance: Instance):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", instance.port))
        taken.listen()

        instance.launch()

        assert instance.wait() == 1
    assert (
        instance.output()
        == f"Port {instance.port} cannot be used (Address already in use); name another one in HQ_PORT.\n"
    )
    assert not (instance.data / "postgres").exists()


def test_it_ends_with_a_sentence_when_the_database_dies(instance: Instance):
    instance.start()

    os.kill(instance.postmaster(), signal.SIGKILL)

    assert instance.wait() == 1
    assert "PostgreSQL has ended" in instance.output()
    assert instance.left_running() == []


def test_it_recovers_a_killed_database_at_the_next_start(instance: Instance):
    instance.start()
    os.kill(instance.postmaster(), signal.SIGKILL)
    instance.wait()

    instance.start()

    instance.send(signal.SIGINT)
    assert instance.wait() == 0


def test_it_starts_a_dead_child_again(instance: Instance):
    instance.start()
    before = children_named(instance, "http.server")

    for pid in before:
        os.kill(pid, signal.SIGKILL)

    wait_for(lambda: (now := children_named(instance, "http.server")) and now.isdisjoint(before), "another web process")
    assert "web has ended (code -9); starting it again in 0.5 s." in instance.output()
    assert instance.running


def test_it_gives_up_on_a_child_that_keeps_dying(instance: Instance):
    with_a_bad_child = instance.launch(ready_never(instance))

    assert with_a_bad_child.wait() == 1
    assert "web has ended 3 times in a row; the reason stands above." in instance.output()
    assert instance.left_running() == []


def test_it_starts_valkey_again(instance: Instance):
    instance.start()
    before = children_named(instance, "valkey-server")

    for pid in before:
        os.kill(pid, signal.SIGKILL)

    wait_for(lambda: (now := children_named(instance, "valkey-server")) and now.isdisjoint(before), "another Valkey")
    assert instance.running


def children_named(instance: Instance, word: str) -> set[int]:
    """The supervisor's own children that have the word in their command line."""
    found = set()
    for task in Path(f"/proc/{instance.pid}/task").iterdir():
        for pid in (task / "children").read_text().split():
            if word.encode() in _command_line(pid):
                found.add(int(pid))
    return found


def _command_line(pid: str) -> bytes:
    """Empty for a process that ended since it was listed."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def ready_never(instance: Instance) -> list[str]:
    import sys

    from tests.embedded.instance import SMALL

    program = SMALL.replace("WEB = '''", "WEB = '''\nraise SystemExit(3)\n").replace(
        "layout.prepare()", "layout.prepare(); supervisor.TRIES = 2"
    )
    return [sys.executable, "-c", program, str(instance.data), str(instance.port)]
