"""The servers of `bin/bench api`: granian as HQ runs it, with HQ in it or something to compare it with."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from bench.services import free_port
from hq.embedded import programs
from hq.embedded.layout import ROOT, Layout

PATIENCE = 60.0
HQ, PLAIN = "hq.wsgi:application", "bench.api_plain_wsgi:application"
# Requests are counted as ever, and not turned away: all come from one address, most with one key.
LIMITS = {f"HQ_LIMIT_{name}": "1000000/s" for name in ("IP", "KEY", "ORGANIZATION")}


@contextmanager
def server(application: str = HQ) -> Iterator[int]:
    """The port of a running one, on this process's services."""
    layout = Layout(Path(settings.DATA_DIR), port=free_port())
    web = programs.web(layout)
    environment = dict(web.environment) | {"HQ_DATABASE_URL": _database(), "HQ_LOG_LEVEL": "ERROR"} | LIMITS
    environment |= {"HQ_PORT": str(layout.port), "HQ_BASE_URL": f"http://localhost:{layout.port}"}  # pages ask for it
    if application != HQ:
        del environment["DJANGO_SETTINGS_MODULE"]
    process = subprocess.Popen([*web.arguments[:-1], application], env=environment, cwd=ROOT)
    try:
        _wait_for(layout.port, process)
        yield layout.port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _database() -> str:
    """Where this process's database is: in tests it is another than the environment says."""
    where = connection.settings_dict
    return f"postgresql:///{where['NAME']}?host={quote(where['HOST'], safe='/')}"


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError("The server of the bench did not start; the reason stands above.")
        time.sleep(0.02)
