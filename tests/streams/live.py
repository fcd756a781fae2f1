"""A live process of the test's own, and browsers' stand-ins that hold its streams open."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from django.conf import settings
from django.db import connections

from tests.crashing import ROOT, own_database

DEADLINE = 60.0


@dataclass
class Process:
    child: subprocess.Popen[bytes]
    port: int

    def stop(self) -> None:
        """SIGTERM, and its own end."""
        self.child.send_signal(signal.SIGTERM)
        assert self.child.wait(DEADLINE) == 0


@contextmanager
def live_process(**variables: str) -> Iterator[Process]:
    """On this test's database, which has to be committed to."""
    port = settings.LIVE_PORT
    environment = own_database() | {"HQ_LIVE_URL": f"http://localhost:{port}", **variables}
    child = subprocess.Popen([sys.executable, "-m", "hq.asgi"], cwd=ROOT, env=environment)
    try:
        ends = time.monotonic() + DEADLINE
        while not _answers(port):
            assert child.poll() is None, "the live process ended"
            assert time.monotonic() < ends, "the live process did not start"
            time.sleep(0.05)
        yield Process(child, port)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@dataclass
class Listener:
    """One open stream: what came of the request, and what was told since."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    told: list[tuple[str, Any, str]] = field(default_factory=list)
    rest: bytes = b""

    async def next(self, kind: str = "", seconds: float = DEADLINE) -> tuple[str, Any, str]:
        """The next event (of that kind): its kind, its data, its id. Raises EOFError where the stream has ended."""
        async with asyncio.timeout(seconds):
            while True:
                found = await self._event()
                if found is not None and (not kind or found[0] == kind):
                    return found

    async def _event(self) -> tuple[str, Any, str] | None:
        while b"\n\n" not in self.rest:
            self.rest += await self._chunk()
        whole, _, self.rest = self.rest.partition(b"\n\n")
        lines = whole.decode().split("\n")
        fields = dict(line.split(": ", 1) for line in lines if ": " in line and not line.startswith(":"))
        if "event" not in fields:
            return None
        found = fields["event"], json.loads(fields["data"]), fields.get("id", "")
        self.told.append(found)
        return found

    async def _chunk(self) -> bytes:
        """The next chunk (RFC 9112 section 7.1). Raises EOFError behind the last."""
        line = await self.reader.readline()
        size = int(line.strip() or b"0", 16)
        if size == 0:
            raise EOFError
        chunk = await self.reader.readexactly(size)
        await self.reader.readline()
        return chunk

    async def body(self) -> Any:
        return json.loads(await self.reader.readexactly(int(self.headers["content-length"])))


async def listen(port: int, path: str, method: str = "GET", **headers: str) -> Listener:
    """Ask for a stream, from HQ's own page unless `origin` says otherwise."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    named = {"host": f"localhost:{port}", "origin": settings.BASE_URL} | {
        name.replace("_", "-"): value for name, value in headers.items() if value
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items() if value != "none")]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    async with asyncio.timeout(DEADLINE):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    found = Listener(reader, writer, int(head[0].split()[1]))
    found.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    return found


@asynccontextmanager
async def listening(port: int, path: str, method: str = "GET", **headers: str) -> AsyncIterator[Listener]:
    found = await listen(port, path, method, **headers)
    try:
        yield found
    finally:
        found.writer.close()


def run(whole: Coroutine[Any, Any, None]) -> None:
    """To its end, in a thread of its own: after a test with a browser, the main thread's loop runs already.

    What it and its one helping thread (asyncio.to_thread) opened to the database is closed behind them.
    """

    async def closing() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        try:
            await whole
        finally:
            await asyncio.to_thread(connections.close_all)
            connections.close_all()

    with ThreadPoolExecutor(1) as own:
        own.submit(lambda: asyncio.run(closing())).result()


def cookie_of(client: Any) -> str:
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def memory_of(pid: int) -> int:
    """Resident bytes."""
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123 - a file of the kernel's
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


__all__ = ["Listener", "Process", "cookie_of", "listen", "listening", "live_process", "memory_of", "run"]
