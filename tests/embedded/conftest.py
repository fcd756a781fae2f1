import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.database import home
from tests.embedded.instance import Instance, new_port, wait_for


@pytest.fixture
def make_instance(request: pytest.FixtureRequest) -> Iterator[Callable[..., Instance]]:
    """Instances in short folders, ended and removed after the test."""
    made: list[Instance] = []

    def make(data: Path | None = None) -> Instance:
        folder = data or home() / f"e{abs(hash(request.node.nodeid)) % 10**6}-{len(made)}"
        made.append(Instance(folder, new_port()))
        return made[-1]

    yield make
    for instance in made:
        if instance.running:
            instance.send(signal.SIGTERM)
            instance.wait()
        wait_for(lambda: not instance.left_running(), "nothing left running")  # noqa: B023 - called before the next turn
        shutil.rmtree(instance.data, ignore_errors=True)


@pytest.fixture
def instance(make_instance: Callable[..., Instance]) -> Instance:
    return make_instance()
