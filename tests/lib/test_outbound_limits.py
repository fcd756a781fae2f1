"""The client for addresses that tenants type, against servers that send too much, too slowly, or nonsense."""

import gzip
import logging
import socket
import traceback
import tracemalloc
import zlib
from ipaddress import ip_network
from threading import Event
from time import monotonic

import pytest

from hq.lib.outbound import NotAnswered, NotFetched, NotReached, OutboundSession, Rules, TooLarge, TooSlow, fetch
from tests.lib.loopback import authority, pouring, saying, serving, silent, sipping

__all__ = ["authority"]

SECRET_PATH = "/hidden?token=hidden"
LOOPBACK = [ip_network("127.0.0.0/8")]
OK = b"HTTP/1.1 200 OK\r\n"
ZIPPED = OK + b"Content-Encoding: gzip\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def plain(*, trusted=None, **named):
    return OutboundSession(Rules(allowed=LOOPBACK, plaintext_loopback=True, **named), trusted=trusted)


def get(server, session, *, scheme="http", path="/"):
    return fetch(session, f"{scheme}://127.0.0.1:{server.port}{path}", accept="*/*")


# ---- how much


def test_it_reads_up_to_its_limit_and_no_further():
    session = plain(most_bytes=1000)
    with serving(saying(b"x" * 1000)) as server:
        assert get(server, session) == b"x" * 1000
    with serving(saying(b"x" * 1001)) as server, pytest.raises(TooLarge):
        get(server, session)


@pytest.mark.parametrize(
    ("encoding", "packings"),
    [("gzip", [gzip.compress]), ("deflate", [zlib.compress]), ("gzip, gzip", [gzip.compress, gzip.compress])],
)
def test_it_unpacks_no_bomb(encoding, packings):
    body = b"\0" * 30_000_000
    for packing in packings:
        body = packing(body)
    with serving(saying(body, b"Content-Encoding: " + encoding.encode())) as server:
        tracemalloc.start()
        try:
            with pytest.raises(TooLarge):
                get(server, plain(most_bytes=100_000))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(OK + b"\r\n", b"x" * 1000, id="an endless body"),
        pytest.param(CHUNKED, b"1\r\nx\r\n" * 100, id="endless chunks"),
        pytest.param(CHUNKED + b"0\r\n", b"X-Trailer: x\r\n" * 100, id="endless trailers"),
        pytest.param(ZIPPED, gzip.compress(b"", mtime=0) * 50, id="endless members that unpack to nothing"),
        pytest.param(OK, b"X-Header: " + b"x" * 60_000 + b"\r\n", id="endless headers"),
        pytest.param(OK + b"X-Header: ", b"x" * 1000, id="an endless header"),
        pytest.param(b"HTTP/1.1 200 ", b"x" * 1000, id="an endless status"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 40, id="endless good hope"),
    ],
)
def test_it_stops_receiving(first, then):
    with serving(pouring(first, then)) as server, pytest.raises(TooLarge):
        get(server, plain(most_bytes=10_000))


def test_it_reads_more_of_a_body_than_of_headers():
    with serving(saying(b"x" * 1_000_000)) as server:
        assert len(get(server, plain())) == 1_000_000


# ---- for how long


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(OK + b"Content-Length: 100000\r\n\r\n", b"x", id="a body"),
        pytest.param(CHUNKED, b"1\r\nx\r\n", id="chunks"),
        pytest.param(OK, b"X-A: b\r\n", id="headers"),
        pytest.param(OK + b"X-A: ", b"b", id="a header"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="good hope"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_it_does_not_wait_for_a_server_that_drips(authority, scheme, first, then):
    tls = authority.server_context("127.0.0.1") if scheme == "https" else None
    session = plain(seconds=0.25, trusted=str(authority.path))
    with serving(pouring(first, then, pause=0.03), tls=tls) as server:
        began = monotonic()
        with pytest.raises(TooSlow):
            get(server, session, scheme=scheme)
        assert monotonic() - began < 2
    assert len(server.heads) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_it_does_not_wait_for_a_silent_server(scheme):
    with serving(silent) as server, pytest.raises(TooSlow):
        get(server, OutboundSession(Rules(allowed=LOOPBACK, plaintext_loopback=True, seconds=0.2)), scheme=scheme)


def test_it_does_not_wait_for_a_server_that_takes_no_connection():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
        for filling in (first, second):
            filling.setblocking(False)
            filling.connect_ex(full.getsockname())
        with pytest.raises(TooSlow):
            fetch(plain(seconds=0.2), f"http://127.0.0.1:{full.getsockname()[1]}/", accept="*/*")


def test_it_does_not_begin_a_wait_that_outlasts_the_exchange():
    def fall_silent(server, talk):
        pouring(OK, b"X-A: b\r\n", pause=0.03, until=0.6)(server, talk)
        silent(server, talk)

    with serving(fall_silent) as server:
        began = monotonic()
        with pytest.raises(TooSlow):
            get(server, plain(seconds=0.8))
        assert monotonic() - began < 1.2


@pytest.mark.parametrize("answer", [silent, sipping])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_it_does_not_wait_for_a_server_that_reads_slowly(authority, scheme, answer):
    """More than all buffers hold is sent, and little or nothing is read: as a receiver of webhooks could do."""
    tls = authority.server_context("127.0.0.1") if scheme == "https" else None
    session = plain(seconds=0.25, trusted=str(authority.path))
    with serving(answer, tls=tls) as server:
        began = monotonic()
        with pytest.raises(TooSlow):
            session.post(f"{scheme}://127.0.0.1:{server.port}/", data=b"x" * 30_000_000)
        assert monotonic() - began < 2


def test_it_does_not_wait_for_a_slow_look_up(monkeypatch):
    """The system's resolver cannot be slowed down from here, so it is stood in for."""
    over = Event()

    def slow(*_, **__):
        over.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        with pytest.raises(TooSlow):
            fetch(OutboundSession(Rules(seconds=0.1)), "https://id.example.com/", accept="*/*")
    finally:
        over.set()


def test_it_counts_the_time_of_every_exchange_anew():
    session = plain(seconds=0.3)
    began = monotonic()
    with serving(saying(b"hello")) as server:
        while monotonic() - began < 0.4:
            assert get(server, session) == b"hello"


# ---- nonsense, and what is told of it


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        OK + b"Content-Length: 1000\r\n\r\nten bytes.",
        OK + b"Content-Length: 1, 2\r\n\r\nx",
        OK + b"Content-Encoding: gzip\r\n\r\nnot packed",
        CHUNKED + b"nothing of the kind",
        CHUNKED + b"0;" + b"x" * 100_000,
        OK + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
def test_it_says_that_an_answer_makes_no_sense(answer):
    with serving(lambda _, talk: talk.sendall(answer)) as server, pytest.raises(NotReached):
        get(server, plain())


def test_it_says_that_nobody_listens():
    with serving(saying(b"")) as server:
        port = server.port
    with pytest.raises(NotReached, match=r"^The server does not answer, or breaks off its answer\.$"):
        fetch(plain(), f"http://127.0.0.1:{port}/", accept="*/*")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        OK + b"no colon here\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /hidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oh\r\n\r\n",
    ],
)
def test_it_tells_no_secret_of_an_address(caplog, answer):
    caplog.set_level(logging.INFO)
    with serving(lambda _, talk: talk.sendall(answer)) as server:
        told = ""
        try:
            get(server, plain(), path=SECRET_PATH)
        except NotFetched as problem:
            told = "".join(traceback.format_exception(problem))
    assert "hidden" not in told + caplog.text
    assert b"hidden" in server.heads[0]


@pytest.mark.parametrize("start", ["https://id.example.com:port", "https://", "id.example.com", "https://[::1"])
def test_it_tells_no_secret_of_an_address_that_is_none(start):
    with pytest.raises(NotFetched) as refused:
        fetch(plain(), start + SECRET_PATH, accept="*/*")
    assert "hidden" not in "".join(traceback.format_exception(refused.value))


def test_every_problem_can_be_told_without_a_case():
    kinds = NotFetched.__subclasses__()
    assert NotAnswered in kinds
    for kind in kinds:
        assert str(kind()).endswith(".")
        assert kind().status == 400
