"""Targets that answer as no SIEM does: drips, floods, redirects in circles, waits of years. None holds a sender up."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from hq.crypto.webhooks import Secret
from streams.targets import TARGETS, Outcome, Parcel, https
from tests.lib.loopback import next_port
from tests.streams.support import LOOPBACK


@pytest.fixture
def loopback(settings: Settings) -> None:
    settings.OUTBOUND_NETWORKS = LOOPBACK


@contextmanager
def answering(*pieces: bytes, again: bytes = b"") -> Iterator[tuple[int, list[bytes]]]:
    """A server that reads a request and then sends these pieces, and one of them without end; its port, what it saw."""
    listener, over, seen = socket.create_server(("127.0.0.1", next_port())), Event(), list[bytes]()

    def serve() -> None:
        while not over.is_set():
            connection, _ = listener.accept()
            with connection:
                try:
                    connection.settimeout(5)
                    if not (asked := connection.recv(65536)):
                        continue
                    seen.append(asked)
                    for piece in pieces:
                        connection.sendall(piece)
                    while again and not over.wait(0.02):
                        connection.sendall(again)
                except OSError:
                    continue

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], seen
    finally:
        over.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join(10)
        listener.close()


def head(status: str, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


def sent_to(url: str) -> Outcome:
    """What comes of a test that is sent there."""
    shared, private = SIGNING.text, SIGNING.private
    target = {"url": url, "format": "lines", "header": "Authorization"}
    parcel = Parcel("id", uuid4(), "", [])
    return TARGETS["https"].send(parcel, target, {"value": "Bearer x", "shared": shared, "private": private})


SIGNING = Secret.make()
NEVER_ENDS: dict[str, tuple[list[bytes], bytes]] = {
    "a status line, byte by byte": ([], b"H"),
    "headers without end": ([b"HTTP/1.1 200 OK\r\n"], b"X-A: b\r\n"),
    "a body, byte by byte": ([head("500 No", "Content-Length: 900000")], b"x"),
    "chunks without end": ([head("500 No", "Transfer-Encoding: chunked")], b"1\r\nx\r\n"),
    "that it goes on, again and again": ([], head("100 Continue")),
    "nothing": ([], b""),
}


@pytest.mark.parametrize("what", NEVER_ENDS)
def test_who_never_comes_to_an_end_fails_in_time_and_is_tried_later(
    loopback: None, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(https, "SECONDS", 0.4)
    pieces, again = NEVER_ENDS[what]
    with answering(*pieces, again=again) as (port, _):
        outcome = sent_to(f"http://localhost:{port}/")
    assert (outcome.arrived, outcome.final, bool(outcome.said)) == (False, False, True)


BROKEN: dict[str, tuple[bytes, bool]] = {
    "a huge body behind yes": (head("200 OK", "Content-Length: 5000000") + b"x" * 5_000_000, True),
    "a yes that cannot be unpacked": (head("200 OK", "Content-Encoding: gzip", "Content-Length: 3") + b"xyz", False),
    "no HTTP at all": (b"\x16\x03\x01" + b"\n" * 50, False),
    "a status of no kind": (head("999 What", "Content-Length: 0"), False),
    "a length that is none": (head("204 OK", "Content-Length: -1"), True),
    "that it changes the protocol": (head("101 Switching Protocols", "Upgrade: x"), False),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_makes_no_sense_is_a_failure_and_what_says_yes_is_yes(loopback: None, what: str) -> None:
    said, arrives = BROKEN[what]
    with answering(said) as (port, _):
        outcome = sent_to(f"http://localhost:{port}/")
    assert (outcome.arrived, outcome.final) == (arrives, False)


@pytest.mark.parametrize("where", ["/", "http://169.254.169.254/latest", "//[::1]:22/", "gopher://x/", "\x00"])
def test_no_redirect_is_followed_wherever_it_leads(loopback: None, where: str) -> None:
    with answering(head("307 Over there", f"Location: {where}", "Content-Length: 0")) as (port, seen):
        outcome = sent_to(f"http://localhost:{port}/")
    assert (len(seen), outcome.final, "169.254" in outcome.said) == (1, True, False)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("999999999999999999999999", 3600, 3600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600, 3600),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 0, 0),
        ("-3600", 0, 0),
        ("1e9", 0, 0),
        ("٣٦٠٠", 0, 0),
        ("Mon, 01 Jan 1990 00:00:00 GMT", 0, 0),
        ("60, 120", 0, 0),
        ("90", 90, 90),
    ],
)
@pytest.mark.parametrize("status", ["429 Later", "503 Away", "500 No"])
def test_a_wild_retry_after_waits_an_hour_at_most(
    loopback: None, status: str, asked: str, least: int, most: int
) -> None:
    with answering(head(status, f"Retry-After: {asked}", "Content-Length: 0")) as (port, _):
        wait = sent_to(f"http://localhost:{port}/").wait
    if status.startswith("500"):
        assert wait == timedelta()
    else:
        assert timedelta(seconds=least) <= wait <= timedelta(seconds=most)


HOSTS = [
    *("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "169.254.169.254"),
    *("2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]"),
    *("[2002:7f00:1::]", "10.0.0.1", "100.64.0.1", "192.168.0.1", "localhost", "localhost.", "LOCALHOST"),
]


@pytest.mark.parametrize("host", HOSTS)
def test_no_way_of_writing_an_address_leads_into_a_private_network(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    settings.OUTBOUND_NETWORKS = []
    opened: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: opened.append(address))
    outcome = sent_to(f"https://{host}/")
    assert (opened, outcome.arrived, bool(outcome.said)) == ([], False, True)
    told = TARGETS["syslog"].send(Parcel("id", uuid4(), "", []), {"host": host.strip("[]"), "port": 6514, "ca": ""}, {})
    assert (opened, told.arrived) == ([], False)
