"""TXT records, asked of a real name server on a loopback address."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from time import monotonic

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from hq.lib.errors import Invalid, Unavailable
from hq.lib.txt_records import MOST_RECORDS, NameNotValid, RecordsNotRead, TooManyRecords, txt_records
from tests.lib.loopback import next_port

Answer = Callable[[dns.message.Message, bool], bytes | None]


class NameServer:
    """Answers over UDP and TCP; `asked` are the questions as they came."""

    def __init__(self, answer: Answer, host: str = "127.0.0.1") -> None:
        self.answer = answer
        self.asked: list[str] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.port = next_port()
        self.tcp = socket.create_server((host, self.port), family=family)
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.bind((host, self.port))
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.threads = [Thread(target=serve, daemon=True) for serve in (self._serve_udp, self._serve_tcp)]
        for thread in self.threads:
            thread.start()

    def _reply(self, wire: bytes, *, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        self.asked.append(f"{query.question[0]}{' over TCP' if tcp else ''}")
        return self.answer(query, tcp)

    def _serve_udp(self) -> None:
        while True:
            wire, sender = self.udp.recvfrom(4096)
            if not wire:
                return
            if (reply := self._reply(wire, tcp=False)) is not None:
                self.udp.sendto(reply, sender)

    def _serve_tcp(self) -> None:
        while True:
            connection, _ = self.tcp.accept()
            with connection, connection.makefile("rb") as received:
                if not (length := received.read(2)):
                    return
                reply = self._reply(received.read(*struct.unpack("!H", length)), tcp=True)
                if reply is not None:
                    connection.sendall(struct.pack("!H", len(reply)) + reply)

    def close(self) -> None:
        with socket.socket(self.udp.family, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.udp.getsockname())
        socket.create_connection(self.tcp.getsockname()[:2]).close()
        for thread in self.threads:
            thread.join()
        self.udp.close()
        self.tcp.close()


@contextmanager
def answering(answer: Answer, **named: str) -> Iterator[NameServer]:
    server = NameServer(answer, **named)
    try:
        yield server
    finally:
        server.close()


def records(*lines: str, code: dns.rcode.Rcode = dns.rcode.NOERROR, most_udp: int = 1232) -> Answer:
    """Answer with these lines of a zone file; what is too long for UDP is cut off and has to be asked for over TCP."""

    def answer(query: dns.message.Message, tcp: bool) -> bytes:
        reply = dns.message.make_response(query)
        reply.set_rcode(code)
        for line in lines:
            name, kind, text = line.split(" ", 2)
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, text))
        wire = reply.to_wire(max_size=65535)
        if tcp or len(wire) <= most_udp:
            return wire
        cut = dns.message.make_response(query)
        cut.flags |= dns.flags.TC
        return cut.to_wire()

    return answer


def test_it_lists_the_records_of_a_name():
    lines = ('example.com. TXT "v=spf1 -all"', 'example.com. TXT "hq-verification=a1"')
    with answering(records(*lines)) as server:
        found = txt_records("example.com", nameservers=[server.address])
    assert sorted(found) == ["hq-verification=a1", "v=spf1 -all"]
    assert server.asked == ["example.com. IN TXT"]


def test_it_joins_the_strings_of_a_record():
    with answering(records('example.com. TXT "hq-verif" "ication" "=a1"')) as server:
        assert txt_records("example.com", nameservers=[server.address]) == ["hq-verification=a1"]


def test_it_takes_any_bytes_for_text():
    with answering(records('example.com. TXT "gr\\195\\188n \\255"')) as server:
        assert txt_records("example.com", nameservers=[server.address]) == ["grün \ufffd"]


def test_it_follows_an_alias():
    lines = ("_hq.example.com. CNAME proofs.example.net.", 'proofs.example.net. TXT "a1"')
    with answering(records(*lines)) as server:
        assert txt_records("_hq.example.com", nameservers=[server.address]) == ["a1"]


def test_it_asks_over_tcp_for_a_long_answer():
    lines = [f'example.com. TXT "{number}{"x" * 200}"' for number in range(50)]
    with answering(records(*lines)) as server:
        assert len(txt_records("example.com", nameservers=[server.address])) == 50
    assert server.asked == ["example.com. IN TXT", "example.com. IN TXT over TCP"]


@pytest.mark.parametrize("name", ["example.com", "example.com.", "EXAMPLE.com", "b\u00fccher.example", "example"])
def test_it_asks_for_exactly_this_name(name):
    """No search domain is tried, whatever the machine is set to: `example.com.corp.internal` is another domain."""
    with answering(records(code=dns.rcode.NXDOMAIN)) as server:
        assert txt_records(name, nameservers=[server.address]) == []
    absolute = name.encode("idna").decode().rstrip(".") + "."
    assert server.asked == [f"{absolute} IN TXT"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(records(code=dns.rcode.NXDOMAIN), id="no such name"),
        pytest.param(records(), id="no record of this kind"),
        pytest.param(records("example.com. CNAME nowhere.example.net."), id="an alias that leads nowhere"),
        pytest.param(records('other.example. TXT "a1"'), id="records of another name"),
    ],
)
def test_it_finds_no_records_where_there_are_none(answer):
    with answering(answer) as server:
        assert txt_records("example.com", nameservers=[server.address]) == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(records(code=dns.rcode.SERVFAIL), id="a failure"),
        pytest.param(records(code=dns.rcode.REFUSED), id="a refusal"),
        pytest.param(lambda *_: None, id="silence"),
        pytest.param(lambda query, _: query.to_wire()[:14], id="half a message"),
    ],
)
def test_it_does_not_take_a_failure_for_an_absence(answer):
    with answering(answer) as server:
        began = monotonic()
        with pytest.raises(RecordsNotRead):
            txt_records("example.com", nameservers=[server.address], seconds=0.3)
        assert monotonic() - began < 2


def test_it_says_so_when_nobody_can_be_asked():
    with pytest.raises(Unavailable, match=r"^The name servers of this domain gave no answer\."):
        txt_records("example.com", nameservers=[f"127.0.0.1:{next_port()}"], seconds=0.3)


def test_it_asks_the_next_server_when_one_fails():
    with answering(records(code=dns.rcode.REFUSED)) as broken, answering(records('example.com. TXT "a1"')) as whole:
        assert txt_records("example.com", nameservers=[broken.address, whole.address]) == ["a1"]
    assert len(broken.asked) == 1


def test_it_takes_an_ipv6_server():
    with answering(records('example.com. TXT "a1"'), host="::1") as server:
        assert txt_records("example.com", nameservers=[server.address]) == ["a1"]


def test_it_believes_no_answer_from_elsewhere_to_another_question():
    def answer(query, _):
        forged = dns.message.make_response(dns.message.make_query("example.com", "TXT"))
        forged.id = (query.id + 1) % 65536
        forged.answer.append(dns.rrset.from_text("example.com.", 60, "IN", "TXT", '"forged"'))
        return forged.to_wire()

    with answering(answer) as server, pytest.raises(RecordsNotRead):
        txt_records("example.com", nameservers=[server.address], seconds=0.3)


def test_it_reads_a_limited_number_of_records():
    lines = [f'example.com. TXT "{number}"' for number in range(MOST_RECORDS + 1)]
    with answering(records(*lines[1:])) as server:
        assert len(txt_records("example.com", nameservers=[server.address])) == MOST_RECORDS
    with answering(records(*lines)) as server, pytest.raises(TooManyRecords):
        txt_records("example.com", nameservers=[server.address])


@pytest.mark.parametrize("name", ["", ".", "a..b", f"{'a' * 64}.example", ".".join(["abcdefg"] * 40), "\\300.example"])
def test_it_asks_nobody_for_what_is_not_a_name(name):
    with answering(records()) as server, pytest.raises(NameNotValid):
        txt_records(name, nameservers=[server.address])
    assert server.asked == []


def test_every_problem_can_be_told_without_a_case():
    for problem, kind in ((NameNotValid(), Invalid), (TooManyRecords(), Invalid), (RecordsNotRead(), Unavailable)):
        assert isinstance(problem, kind)
        assert str(problem).endswith(".")


def test_it_takes_no_name_for_the_address_of_a_server():
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        txt_records("example.com", nameservers=["dns.example.com"])
