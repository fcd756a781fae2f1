"""The client for addresses that tenants type, against real servers on loopback addresses."""

import gzip
import socket
import zlib
from ipaddress import ip_address, ip_network

import pytest

from hq.lib.outbound import (
    AddressHasCredentials,
    AddressNotPublic,
    AddressNotValid,
    CertificateNotTrusted,
    HostNotFound,
    NotAnswered,
    NotFetched,
    NotHttps,
    NotReached,
    OutboundSession,
    Redirected,
    Rules,
    fetch,
)
from hq.lib.public_addresses import is_public
from tests.lib.loopback import authority, next_port, saying, serving

__all__ = ["authority"]

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
OK = b"HTTP/1.1 200 OK\r\n"


def plain(**named):
    return OutboundSession(Rules(allowed=LOOPBACK, plaintext_loopback=True, **named))


def get(server, session, *, host="127.0.0.1", scheme="http", path="/"):
    return fetch(session, f"{scheme}://{host}:{server.port}{path}", accept="application/json")


# ---- what it is for


def test_it_fetches_over_tls_and_asks_for_the_host_by_its_name(authority):
    tls = authority.server_context("localhost")
    session = OutboundSession(Rules(allowed=LOOPBACK), trusted=str(authority.path))
    with serving(saying(b'{"issuer": 1}'), tls=tls) as server:
        assert get(server, session, host="localhost", scheme="https", path="/a?b=c") == b'{"issuer": 1}'
    assert server.names_asked_for == ["localhost"]
    assert server.heads[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert b"\r\nHost: localhost:%d\r\n" % server.port in server.heads[0]
    assert b"\r\nAccept: application/json\r\n" in server.heads[0]


def test_it_posts_and_returns_a_refusal_like_any_session():
    with serving(saying(b'{"error": "invalid_grant"}', status=b"400 Bad Request")) as server:
        answer = plain().post(f"http://127.0.0.1:{server.port}/token", data={"code": "x"})
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_it_unpacks_the_answer(encoding, pack):
    with serving(saying(pack(b"hello"), b"Content-Encoding: " + encoding.encode())) as server:
        assert get(server, plain()) == b"hello"


def test_it_reads_chunks():
    chunks = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    with serving(lambda _, talk: talk.sendall(chunks)) as server:
        assert get(server, plain()) == b"hello"


def test_it_takes_an_answer_without_a_body():
    with serving(lambda _, talk: talk.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        assert plain().get(f"http://127.0.0.1:{server.port}/").content == b""


def test_it_tells_the_status_that_was_not_expected():
    with (
        serving(saying(b"", status=b"404 Not Found")) as server,
        pytest.raises(NotAnswered, match=r"^127\.0\.0\.1 answers 404, where 200 was expected\.$"),
    ):
        get(server, plain())


# ---- where it goes


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("100.100.100.200", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "203.0.113.9", "168.63.129.16"),
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
        *("64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1"),
        *("ff02::1", "ff0e::1", "2001:db8::1", "2001:20::1", "3fff::1", "100::1", "4000::1"),
    ],
)
def test_it_knows_what_is_not_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "192.1.0.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808"])
def test_it_knows_what_is_public(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "0"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::]"),
        *("localhost", "LOCALHOST", "127.0.0.1."),
        *("①②⑦.0.0.1", "127。0。0。1"),
    ],
)
def test_it_opens_no_connection_into_a_private_network(host):
    with serving(saying(b"secret")) as server, pytest.raises((AddressNotPublic, HostNotFound, AddressNotValid)):
        get(server, OutboundSession(Rules()), host=host, scheme="https")
    assert server.connections == 0


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0177.0.0.1"])
def test_it_judges_odd_forms_of_an_address_by_where_they_lead(host):
    with serving(saying(b"here")) as server:
        with pytest.raises(AddressNotPublic):
            get(server, OutboundSession(Rules()), host=host, scheme="https")
        assert get(server, plain(), host=host) == b"here"


def test_it_does_not_take_a_trailing_dot_for_a_public_name():
    with serving(saying(b"secret")) as server, pytest.raises((AddressNotPublic, HostNotFound)):
        get(server, OutboundSession(Rules()), host="localhost.", scheme="https")
    assert server.connections == 0


def test_it_reaches_only_the_networks_that_are_allowed():
    session = OutboundSession(Rules(allowed=[ip_network("127.0.0.2/32")], plaintext_loopback=True))
    with serving(saying(b"ours"), host="127.0.0.2") as ours, serving(saying(b"secret")) as other:
        assert get(ours, session, host="127.0.0.2") == b"ours"
        with pytest.raises(NotFetched):
            get(other, session)
    assert other.connections == 0


def stand_in_for_the_resolver(monkeypatch, name, *answers):
    """Let each look-up of the name find the next addresses: the system's resolver cannot be told what to find."""
    asked, left = socket.getaddrinfo, list(answers)

    def ask(host, *args, **named):
        found = left.pop(0) if host == name else [host]
        return [one for address in found for one in asked(address, *args, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", ask)


def test_it_connects_to_the_address_that_it_looked_at(monkeypatch):
    """A name that leads somewhere else when it is asked for again: DNS rebinding."""
    stand_in_for_the_resolver(monkeypatch, "rebinding.example", ["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1"])
    session = OutboundSession(Rules(allowed=[ip_network("127.0.0.2/32")], plaintext_loopback=True))
    port = next_port()
    with (
        serving(saying(b"ours"), host="127.0.0.2", port=port) as ours,
        serving(saying(b"secret"), host="127.0.0.1", port=port) as other,
    ):
        assert get(ours, session, host="rebinding.example") == b"ours"
        with pytest.raises(NotFetched):
            get(ours, session, host="rebinding.example")
    assert (ours.connections, other.connections) == (1, 0)


def test_it_passes_over_forbidden_and_dead_addresses_of_a_name(monkeypatch):
    stand_in_for_the_resolver(monkeypatch, "many.example", ["::1", "127.0.0.1", "127.0.0.3", "127.0.0.2"])
    session = OutboundSession(Rules(allowed=[ip_network("127.0.0.2/31")], plaintext_loopback=True))
    port = next_port()
    with (
        serving(saying(b"ours"), host="127.0.0.2", port=port) as server,
        serving(saying(b"secret"), host="127.0.0.1", port=port) as other,
    ):
        assert get(server, session, host="many.example") == b"ours"
    assert other.connections == 0


def test_it_looks_up_a_name_that_ends_in_a_dot_as_it_stands(monkeypatch):
    """The dot keeps the resolver from adding a search domain."""
    stand_in_for_the_resolver(monkeypatch, "dotted.example.", ["127.0.0.1"])
    with serving(saying(b"here")) as server:
        assert get(server, plain(), host="dotted.example.") == b"here"


def test_it_does_not_follow_a_redirect():
    with serving(saying(b"secret")) as inside:
        to = b"Location: http://127.0.0.1:%d/" % inside.port
        for status in (b"301 Moved", b"302 Found", b"303 See", b"307 Again", b"308 Again"):
            with (
                serving(saying(b"", to, status=status), host="127.0.0.2") as server,
                pytest.raises(Redirected, match=r"^127\.0\.0\.2 answers with a redirect"),
            ):
                plain().get(f"http://127.0.0.2:{server.port}/", allow_redirects=True)
    assert inside.connections == 0


def test_it_ignores_proxies_of_the_environment_and_of_the_caller(monkeypatch):
    with serving(saying(b"from the proxy")) as proxy, serving(saying(b"direct")) as server:
        address = f"http://127.0.0.1:{proxy.port}"
        for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, address)
        monkeypatch.setenv("no_proxy", "")
        url = f"http://127.0.0.1:{server.port}/"
        assert plain().get(url).content == b"direct"
        assert plain().get(url, proxies={"http": address, "all": address}).content == b"direct"
    assert proxy.connections == 0


def test_it_takes_no_password_from_a_netrc_file(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(saying(b"")) as server:
        get(server, plain())
    assert b"Authorization" not in server.heads[0]


def test_it_keeps_no_cookie():
    session = plain()
    with serving(saying(b"", b"Set-Cookie: a=b; Path=/")) as server:
        get(server, session)
        get(server, session)
    assert b"Cookie" not in server.heads[1]


# ---- what an address looks like


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://id.example.com/", NotHttps),
        ("file:///etc/passwd", NotHttps),
        ("FILE:///etc/passwd", NotHttps),
        ("gopher://127.0.0.1:70/", NotHttps),
        ("ftp://127.0.0.1/", NotHttps),
        ("data:text/plain,hello", NotHttps),
        ("unix:///run/docker.sock", NotHttps),
        ("http+unix://%2Frun%2Fdocker.sock/", NotHttps),
        ("httpsx://id.example.com/", NotHttps),
        ("id.example.com/metadata", NotHttps),
        ("//id.example.com/metadata", NotHttps),
        ("", NotHttps),
        ("https://ada@127.0.0.1/", AddressHasCredentials),
        ("https://ada:secret@127.0.0.1/", AddressHasCredentials),
        ("https://127.0.0.1/#part", AddressNotValid),
        ("https://", AddressNotValid),
        ("https:///path", AddressNotValid),
        ("https://127.0.0.1:port/", AddressNotValid),
        ("https://127.0.0.1:99999/", AddressNotValid),
        ("https://[::1/", AddressNotValid),
        ("https://a..b.example/", (HostNotFound, AddressNotValid)),
        ("https://nothing.invalid/", HostNotFound),
    ],
)
def test_it_refuses_an_address_that_is_not_plainly_https(url, problem):
    with pytest.raises(problem):
        fetch(OutboundSession(Rules()), url, accept="*/*")


@pytest.mark.parametrize(
    "session",
    [
        OutboundSession(Rules(allowed=LOOPBACK)),
        OutboundSession(Rules(plaintext_loopback=True)),
        OutboundSession(Rules(allowed=[ip_network("10.0.0.0/8")], plaintext_loopback=True)),
    ],
)
def test_it_speaks_plain_http_only_to_an_allowed_loopback(session):
    with serving(saying(b"secret")) as server, pytest.raises(NotHttps):
        get(server, session)
    assert server.connections == 0


def test_it_judges_a_plain_connection_again_when_it_is_opened():
    assert not Rules(allowed=LOOPBACK).permit(ip_address("127.0.0.1"), encrypted=False)
    assert Rules(allowed=LOOPBACK, plaintext_loopback=True).permit(ip_address("127.0.0.1"), encrypted=False)


def test_it_does_not_speak_plain_http_to_other_allowed_networks():
    session = OutboundSession(Rules(allowed=[ip_network("0.0.0.0/0")], plaintext_loopback=True, seconds=0.5))
    with pytest.raises(NotHttps):
        fetch(session, "http://10.255.255.1/", accept="*/*")


# ---- whom it believes


@pytest.mark.parametrize(
    ("names", "days", "words"),
    [
        (["id.example.com"], 1, "Hostname mismatch"),
        (["127.0.0.1"], 1, "Hostname mismatch"),
        (["localhost"], -1, "certificate has expired"),
    ],
)
def test_it_trusts_no_certificate_of_another_name_or_time(authority, names, days, words):
    session = OutboundSession(Rules(allowed=LOOPBACK), trusted=str(authority.path))
    with (
        serving(saying(b"secret"), tls=authority.server_context(*names, days=days)) as server,
        pytest.raises(CertificateNotTrusted, match=f"^The certificate of localhost is not trusted: {words}"),
    ):
        get(server, session, host="localhost", scheme="https")
    assert server.heads in ([], [b""])


def test_it_trusts_no_unknown_authority_whatever_the_caller_says(authority):
    session = OutboundSession(Rules(allowed=LOOPBACK))
    session.verify = False
    with serving(saying(b"secret"), tls=authority.server_context("localhost")) as server:
        for verify in (True, False, str(authority.path)):
            with pytest.raises(CertificateNotTrusted):
                session.get(f"https://localhost:{server.port}/", verify=verify)


def test_it_says_so_when_the_server_does_not_speak_tls():
    with (
        serving(saying(b"secret")) as server,
        pytest.raises(NotReached, match=r"^No secure connection to 127\.0\.0\.1 could be made\.$"),
    ):
        get(server, OutboundSession(Rules(allowed=LOOPBACK)), scheme="https")
