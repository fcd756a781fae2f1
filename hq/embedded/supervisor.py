"""Starts everything in order, keeps it running, stops it in reverse order."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from hq.embedded import locks, process, static_files
from hq.embedded.console import Console, Stopped
from hq.embedded.errors import CannotStart
from hq.embedded.layout import ROOT, Layout
from hq.embedded.programs import KEYS, MANAGE, Program, all_programs
from hq.embedded.services import Services

READY_SECONDS = 60
TICK = 0.05
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
STEADY_SECONDS = 30  # having run so long, a program starts over with the first delay
TRIES = 5
CANNOT_MIGRATE = "The database could not be migrated (one of your own needs hq/db/roles.sql first)"


def main() -> int:
    """Run the instance that the environment describes. Returns the exit code."""
    try:
        layout = Layout.from_environment()
        layout.prepare()
        return Supervisor(layout, all_programs(layout)).run()
    except CannotStart as error:
        sys.stderr.write(f"{error}\n")
        return 1


@dataclass
class Running:
    """A program and its life so far. `restart_at` is set while it waits for its next try."""

    program: Program
    child: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    restart_at: float | None = None


@dataclass
class Supervisor:
    layout: Layout
    programs: list[Program]
    running: list[Running] = field(default_factory=list)
    services: Services = field(init=False)
    console: Console = field(default_factory=Console)

    def run(self) -> int:
        """Until a signal (0) or until something cannot go on (1)."""
        self.services = Services(self.layout)
        with self.console:
            try:
                return self._run()
            except CannotStart as error:
                self.console.say(str(error))
                return 1

    def _run(self) -> int:
        self._check_ports()
        owner = locks.own(self.layout, "bin/run")
        try:
            self.services.start()
            self._prepare()
            self.running = [Running(program) for program in self.programs]
            for entry in self.running:
                self._launch(entry)
            self._finish()
            owner.say(command="bin/run", ready=True, port=self.layout.port)  # bin/manage may come in
            self._wait_for_answer()
            self._announce()
            while True:
                self.console.wait(1)
                self._look_after()
        except Stopped:
            self.console.say("Stopping ...")
            return 0
        finally:
            owner.say(command="bin/run")
            self._stop()
            owner.drop()

    # ---- starting

    def _check_ports(self) -> None:
        _check_port(self.layout.port, "HQ_PORT")
        for program in self.programs:
            if program.port is not None:
                _check_port(program.port, f"HQ_{program.name.upper()}_PORT")

    def _prepare(self) -> None:
        """Migrate as the owner; meanwhile collect the static files, if they have changed."""
        static = None if static_files.collected(self.layout) else self._manage("collectstatic", "--noinput")
        try:
            if not self._migrated_by_others():
                self._to_the_end(CANNOT_MIGRATE, self._manage("migrate", role="hq_owner"))
            if static is not None:
                self._to_the_end("The static files could not be collected", static)
                static_files.remember(self.layout)
        finally:
            if static is not None:
                process.stop(static, signal.SIGTERM, seconds=5)

    def _migrated_by_others(self) -> bool:
        """True for the operator's own database with nothing left to apply: the owner's password may not be here."""
        if not self.layout.database_url:
            return False
        check = self._manage("migrate", "--check")
        while check.poll() is None:
            self.console.wait(TICK)
        return check.returncode == 0

    def _manage(self, command: str, *options: str, role: str = "hq_app") -> subprocess.Popen[bytes]:
        """A management command under its own name, quiet when all is well. bin/check runs the checks."""
        arguments = (*MANAGE, command, "--skip-checks", "--verbosity", "0", *options)
        return self._spawn(command, arguments, self.layout.environment(role=role))

    def _finish(self) -> None:
        """Make the deployment's own keys, while the programs are loading."""
        self._to_the_end("The deployment's keys could not be made", self._manage(KEYS))

    def _launch(self, entry: Running) -> None:
        entry.child = self._spawn(entry.program.name, entry.program.arguments, entry.program.environment)
        entry.started_at, entry.restart_at = time.monotonic(), None

    def _spawn(self, name: str, arguments: tuple[str, ...], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        pipe = self.console.pipe(name)
        try:
            lock = self.services.lock
            return process.spawn(
                arguments,
                environment=environment,
                output=pipe,
                keep_open=() if lock is None else (lock.descriptor,),
                directory=ROOT,
            )
        finally:
            os.close(pipe)

    def _to_the_end(self, failure: str, child: subprocess.Popen[bytes]) -> None:
        try:
            while child.poll() is None:
                self.console.wait(TICK)
        except Stopped:
            process.stop(child, signal.SIGTERM, seconds=5)
            raise
        if child.returncode:
            self.console.wait(TICK)
            raise CannotStart(f"{failure}; the reason stands above.")

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        for port in [self.layout.port, *(program.port for program in self.programs if program.port is not None)]:
            while (status := _status(port)) != http.HTTPStatus.OK:
                self.console.wait(TICK if status is None else 1)  # it leaves an error's story in the log each time
                self._look_after()
                if time.monotonic() > deadline:
                    raise CannotStart(
                        f"HQ did not answer at http://localhost:{port}/readyz within {READY_SECONDS} seconds."
                    )

    def _announce(self) -> None:
        published = os.environ.get("HQ_EDGE_URL") or f"http://edge.localhost:{self.layout.edge_port}"
        self.console.say(f"HQ is ready at http://localhost:{self.layout.port}")
        self.console.say(f"What is published is served below {published}")
        if os.environ.get("HQ_ENV", "development") == "development":
            link = self._spawn("", (*MANAGE, "sign_in_link"), self.layout.environment())
            while link.poll() is None:
                self.console.wait(TICK)

    # ---- keeping

    def _look_after(self) -> None:
        """Start again what has ended. Without its database there is nothing to keep."""
        if self.services.postgres is not None and not self.services.postgres.alive:
            log = self.services.postgres.log
            raise CannotStart(
                f"PostgreSQL has ended: {process.last_line(self.services.postgres.log_tail())} (more in {log})"
            )
        if self.services.valkey is not None and not self.services.valkey.alive:
            self.console.say("Valkey has ended; starting it again.")
            self.services.valkey.stop()
            self.services.valkey.start()
        for entry in self.running:
            self._look_after_one(entry)

    def _look_after_one(self, entry: Running) -> None:
        now = time.monotonic()
        if entry.restart_at is not None:
            if now >= entry.restart_at:
                self._launch(entry)
        elif entry.child is not None and entry.child.poll() is not None:
            process.kill_session(entry.child)
            entry.failures = 1 if now - entry.started_at > STEADY_SECONDS else entry.failures + 1
            if entry.failures > TRIES:
                raise CannotStart(
                    f"{entry.program.name} has ended {entry.failures} times in a row; the reason stands above."
                )
            delay = min(FIRST_DELAY * 2 ** (entry.failures - 1), LONGEST_DELAY)
            entry.restart_at = now + delay
            self.console.say(
                f"{entry.program.name} has ended (code {entry.child.returncode}); starting it again in {delay:g} s."
            )

    # ---- stopping

    def _stop(self) -> None:
        """In reverse order: what depends goes before what it depends on. A second signal cuts the waiting short."""
        self.console.stopping = False
        for entry in reversed(self.running):
            if entry.child is not None:
                self._stop_one(entry.child, entry.program.grace)
        self.services.stop()

    def _stop_one(self, child: subprocess.Popen[bytes], grace: float) -> None:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while child.poll() is None and time.monotonic() < deadline and not self.console.stopping:
            self.console.wait(TICK, until_stopped=False)
        process.kill_session(child)
        child.wait()
        self.console.wait(0, until_stopped=False)


def _check_port(port: int, name: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotStart(f"Port {port} cannot be used ({error.strerror}); name another one in {name}.") from error


def _status(port: int) -> int | None:
    """What a server says of itself; None while nobody listens."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        link.request("GET", "/readyz", headers={"Host": f"localhost:{port}"})
        return link.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        link.close()
