"""Gathers what children print and shows it line by line under their names. One thread does it all."""

import os
import selectors
import signal
import socket
import sys
from dataclasses import dataclass, field
from types import FrameType
from typing import Self

WIDTH = 8


class Stopped(Exception):
    """A signal asked for the end."""


@dataclass
class Console:
    """Also where signals arrive: `wait` returns early on a child's end and raises Stopped when one asks to stop."""

    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    pending: dict[int, bytes] = field(default_factory=dict)
    stopping: bool = False

    def __enter__(self) -> Self:
        self._wake, write_end = socket.socketpair()
        self._wake.setblocking(False)
        write_end.setblocking(False)
        self._write_end = write_end
        signal.set_wakeup_fd(write_end.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler of any kind makes it wake us
        self.selector.register(self._wake, selectors.EVENT_READ, None)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        self._wake.close()
        self._write_end.close()
        self.selector.close()

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def pipe(self, name: str) -> int:
        """The writing end of a pipe for one child, to be closed after its start. Without a name lines stand alone."""
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        self.pending[read_end] = b""
        self.selector.register(read_end, selectors.EVENT_READ, name)
        return write_end

    def wait(self, seconds: float, *, until_stopped: bool = True) -> None:
        """Show what comes within the time, or less when something happened. Raises Stopped."""
        for key, _ in self.selector.select(seconds):
            if key.data is None:
                self._wake.recv(4096)
            else:
                self._read(key.fd, key.data)
        if self.stopping and until_stopped:
            raise Stopped

    def _read(self, descriptor: int, name: str) -> None:
        chunk = os.read(descriptor, 65536)
        *lines, rest = (self.pending[descriptor] + chunk).split(b"\n")
        if not chunk:
            lines, rest = ([rest] if rest else []), b""
            self.selector.unregister(descriptor)
            os.close(descriptor)
            del self.pending[descriptor]
        else:
            self.pending[descriptor] = rest
        for line in lines:
            text = line.decode(errors="replace")
            self.say(f"{name:<{WIDTH}}| {text}" if name else text)

    def say(self, line: str) -> None:
        """Print at once. A reader who has gone away must not keep us from stopping the rest."""
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            self.stopping = True
