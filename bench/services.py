"""Services of the bench's own, on a real disk and with nothing relaxed: a commit is part of what is measured."""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hq.embedded.layout import ROOT, Layout, default_data
from hq.embedded.services import Services

# Machine facts; every other HQ_ variable of the person's is left out.
KEPT_VARIABLES = {"HQ_PG_BIN", "HQ_PYTHON", "HQ_VENV"}
PORTS = range(26_000, 32_000)  # apart from those of the tests


@contextmanager
def new_home() -> Iterator[Path]:
    """A folder beside an instance's own data: a temporary folder may be in memory."""
    shelf = Layout(default_data() / "bench")
    shelf.data.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=shelf.data))
    try:
        yield folder
    finally:
        shutil.rmtree(shelf.data if not any(other != folder for other in shelf.data.iterdir()) else folder)


def bare_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HQ_") or name in KEPT_VARIABLES}


def free_port() -> int:
    """Below 32768: a port above may be some connection's outgoing end."""
    while True:
        port = random.choice(PORTS)  # noqa: S311 - not a secret
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


@contextmanager
def instance() -> Iterator[None]:
    """Start PostgreSQL and Valkey, migrate, and make this process one of HQ's. Raises CannotStart."""
    with new_home() as home:
        layout = Layout(home)
        layout.prepare()
        bare = bare_environment()
        os.environ.clear()
        os.environ.update(bare)
        with Services(layout):
            os.environ.update(layout.environment() | {"HQ_LOG_LEVEL": "WARNING"})
            migrate = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
            subprocess.run(migrate, env=os.environ | {"HQ_DB_ROLE": "hq_owner"}, check=True)
            _set_up()
            yield


def _set_up() -> None:
    import django

    django.setup()
    from keys.actions import ensure_platform_keys

    ensure_platform_keys()
