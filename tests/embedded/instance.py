"""Starts real supervisors as real processes, and looks at what they leave behind."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.database import free_port, home

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE = 180.0

# A supervisor of the real services with one trivial web process: what is tested here is the keeping, not HQ.
SMALL = """
import sys
from pathlib import Path
from hq.embedded import programs, supervisor
from hq.embedded.layout import Layout

WEB = '''
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
print("web is here", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
'''

class Small(supervisor.Supervisor):
    def _prepare(self): pass
    def _finish(self): pass
    def _announce(self): self.console.say("HQ is ready")

layout = Layout(Path(sys.argv[1]), port=int(sys.argv[2]))
layout.prepare()
web = programs.Program("web", (sys.executable, "-c", WEB, sys.argv[2]), layout.environment())
sys.exit(Small(layout, [web]).run())
"""


def wait_for(condition: Callable[[], object], what: str, seconds: float = DEADLINE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def new_port() -> int:
    """A free port of this worker's range."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw-1")
    return free_port(int(worker.removeprefix("gw")) + 1)


@dataclass
class Instance:
    data: Path
    port: int
    process: subprocess.Popen[str] | None = None
    log: Path = Path()

    def start(self, command: list[str] | None = None, *, ready: str = "HQ is ready", **environment: str) -> "Instance":
        """Start and wait for the word, without reading from a pipe that could fill up."""
        self.launch(command, **environment)
        wait_for(lambda: ready in self.output() or not self.running, f"{ready!r}")
        assert ready in self.output(), self.output()
        return self

    def launch(self, command: list[str] | None = None, **environment: str) -> "Instance":
        self.log = home() / f"{self.data.name[:40]}-{time.monotonic_ns()}.log"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                command or [sys.executable, "-c", SMALL, str(self.data), str(self.port)],
                cwd=ROOT,
                env=self.environment() | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return self

    def environment(self) -> dict[str, str]:
        bare = {name: value for name, value in os.environ.items() if not name.startswith("HQ_") or name == "HQ_PG_BIN"}
        return bare | {"HQ_DATA_DIR": str(self.data), "HQ_PORT": str(self.port)}

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit code."""
        assert self.process is not None
        return self.process.wait(DEADLINE)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def postmaster(self) -> int:
        return int((self.data / "postgres" / "postmaster.pid").read_text().split()[0])

    def left_running(self) -> list[str]:
        """Processes that mention the data directory, and a word on whether any child still holds the services' lock."""
        mentioned = [entry.parent.name for entry in Path("/proc").glob("[0-9]*/cmdline") if self._mentions_us(entry)]
        return mentioned + (["the lock of the services"] if self._lock_is_held() else [])

    def _mentions_us(self, command_line: Path) -> bool:
        try:
            return str(self.data).encode() in command_line.read_bytes()
        except OSError:  # it ended while we looked
            return False

    def _lock_is_held(self) -> bool:
        path = self.data / "services.lock"
        if not path.exists():
            return False
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False
