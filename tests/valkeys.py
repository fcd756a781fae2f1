"""A Valkey of a test's own, to be stopped and to hang. Everything of HQ that asks Valkey asks that one."""

import copy
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from hq.embedded.layout import Layout
from hq.embedded.valkey import Valkey


class OwnValkey:
    def __init__(self, folder: Path) -> None:
        layout = Layout(folder)
        layout.run.mkdir(parents=True)
        layout.logs.mkdir()
        self.url = f"unix://{layout.valkey_socket}?db=0"
        self._server = Valkey(layout)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def hang(self) -> None:
        """It takes connections and does not answer."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._server.child
        os.kill(self._server.child.pid, number)


@pytest.fixture
def own_valkey(tmp_path: Path, settings: Settings) -> Iterator[OwnValkey]:
    valkey = OwnValkey(tmp_path)
    valkey.start()
    settings.REDIS_URL = valkey.url
    caches = copy.deepcopy(settings.CACHES)
    caches["default"]["LOCATION"] = valkey.url
    settings.CACHES = caches
    yield valkey
    valkey.stop()
