"""The one client that fetches what a tenant typed: metadata, discovery documents, sets of keys, tokens, webhooks.

Such an address must not become a way into our own networks (CWE-918). So the rules hold where the socket is opened and
read, below names, redirects and decoding: nothing above leads around them. Each exchange has a connection of its own.
"""

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any
from urllib.parse import SplitResult, urlsplit

from requests import PreparedRequest, Request, Response, Session
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from requests.exceptions import InvalidURL, MissingSchema
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import DecodeError, HTTPError, SSLError
from urllib3.exceptions import TimeoutError as OutOfTime
from urllib3.response import BaseHTTPResponse, HTTPResponse

from hq.lib.errors import Invalid
from hq.lib.public_addresses import is_public

Network = IPv4Network | IPv6Network
Endpoint = tuple[socket.AddressFamily, tuple[Any, ...]]

SECONDS = 10.0
MOST_BYTES = 1024 * 1024
MOST_HEADER_BYTES = 64 * 1024


class NotFetched(Invalid):
    """The address could not be fetched."""


class AddressNotValid(NotFetched):
    """This is not an address that can be fetched. Write it like https://id.example.com/path, without a # part."""


class NotHttps(NotFetched):
    """The address has to begin with https://."""


class AddressHasCredentials(NotFetched):
    """Leave the user name and the password out of the address."""


class AddressNotPublic(NotFetched):
    """The address leads into a private network. Only public addresses are fetched.

    The operator of a private deployment can allow networks of its own.
    """


class HostNotFound(NotFetched):
    """No server is known by the name in the address."""


class NotReached(NotFetched):
    """The server does not answer, or breaks off its answer."""


class CertificateNotTrusted(NotFetched):
    """The certificate of the server is not trusted."""


class TooSlow(NotFetched):
    """The server took too long to answer."""


class TooLarge(NotFetched):
    """The server's answer is larger than is read from an address."""


class Redirected(NotFetched):
    """The server answers with a redirect, and redirects are not followed. Give the address that it leads to."""


class NotAnswered(NotFetched):
    """The server does not answer with what was asked for."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Where an exchange may lead besides public addresses, how long it takes at most, how much is read at most.

    `allowed`: a private deployment's own networks. `plaintext_loopback`: http:// too, to loopback inside `allowed`.
    `as_it_is`: a redirect is an answer like others, and one that is too large is cut.
    """

    allowed: Sequence[Network] = ()
    plaintext_loopback: bool = False
    seconds: float = SECONDS
    most_bytes: int = MOST_BYTES
    as_it_is: bool = False

    def permit(self, address: IPv4Address | IPv6Address, *, encrypted: bool) -> bool:
        """Tell whether a connection to the address may be opened."""
        ours = any(address in network for network in self.allowed)
        if encrypted:
            return ours or is_public(address)
        return ours and self.plaintext_loopback and address.is_loopback


class Exchange:
    """One request and its answer: what is left of its time and of what it may receive."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.ends_at = monotonic() + rules.seconds
        self.allowance = MOST_HEADER_BYTES

    def remaining(self) -> float:
        """Tell the seconds that are left. Raises TooSlow where there are none."""
        seconds = self.ends_at - monotonic()
        if seconds <= 0:
            raise TooSlow
        return seconds

    def receive(self, count: int) -> None:
        """Take note of bytes from the network, whatever they turn out to be.

        Raises:
            TooLarge: there are more than the exchange may have.
        """
        self.allowance -= count
        if self.allowance < 0:
            raise TooLarge

    def begin_body(self) -> None:
        """Allow for the body. Twice its limit: chunks and poor compression take more than what they carry."""
        self.allowance = MOST_HEADER_BYTES + 2 * self.rules.most_bytes

    def open(self, host: str, port: int, *, encrypted: bool) -> socket.socket:
        """Connect to an address of the host that the rules permit: the very one that was looked at, not its name.

        Raises:
            HostNotFound: the name has no address.
            AddressNotPublic: none of its addresses is permitted.
            NotHttps: it would be permitted with encryption only.
            NotReached: nobody takes the connection.
            TooSlow: the time is over.
        """
        found = self._look_up(host, port)
        permitted = [each for each in found if self.rules.permit(ip_address(each[1][0]), encrypted=encrypted)]
        if not permitted:
            raise AddressNotPublic if encrypted else NotHttps
        for place, endpoint in enumerate(permitted):
            connection = self._connect(endpoint, patience=self.remaining() / (len(permitted) - place))
            if connection is not None:
                return connection
        self.remaining()
        raise NotReached

    def _connect(self, endpoint: Endpoint, *, patience: float) -> socket.socket | None:
        """Connect to one address, or to none: the next one may do better."""
        family, address = endpoint
        connection = None
        try:
            connection = _Watched(family, socket.SOCK_STREAM)
            connection.exchange = self
            connection.settimeout(patience)
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            if connection is not None:
                connection.close()
            return None
        return connection

    def _look_up(self, host: str, port: int) -> list[Endpoint]:
        """Ask the system's resolver, which knows no time limit: so it is asked in a thread that may be left behind."""
        answers: SimpleQueue[list[Endpoint]] = SimpleQueue()

        def ask() -> None:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except (OSError, ValueError):  # ValueError: not a name at all, such as one with an empty label
                found = []
            answers.put([(family, address) for family, _, _, _, address in found])

        Thread(target=ask, daemon=True, name="outbound-lookup").start()
        try:
            found = answers.get(timeout=self.remaining())
        except Empty:
            raise TooSlow from None
        if not found:
            raise HostNotFound
        return found


class _Watched(socket.socket):
    """A socket on which every wait ends with the exchange, and every byte received counts.

    A time-out of one wait is not enough: a server that sends a byte now and then would hold us for ever.
    """

    exchange: Exchange

    @contextmanager
    def _within_time(self) -> Iterator[None]:
        self.settimeout(self.exchange.remaining())
        try:
            yield
        except TimeoutError:
            raise TooSlow from None

    def recv_into(self, *args: Any, **named: Any) -> int:
        with self._within_time():
            count = super().recv_into(*args, **named)
        self.exchange.receive(count)
        return count

    def sendall(self, *args: Any, **named: Any) -> None:  # all there is to send is one wait, encrypted or not
        with self._within_time():
            super().sendall(*args, **named)


class _SecureSocket(_Watched, ssl.SSLSocket):
    """After the handshake. The handshake itself is one wait, which ends with the time-out of the socket it began on."""


class _PlainConnection(HTTPConnection):
    encrypted = False

    def __init__(self, *args: Any, exchange: Exchange, **named: Any) -> None:
        super().__init__(*args, **named)
        self.exchange = exchange

    def _new_conn(self) -> socket.socket:
        connection = self.exchange.open(self._dns_host, self.port, encrypted=self.encrypted)
        connection.settimeout(self.exchange.remaining())
        return connection

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
        if self._response_options is not None:
            # urllib3 logs this when it meets an odd header, and the path may carry a secret.
            self._response_options = self._response_options._replace(request_url="")
        return super().getresponse()


class _SecureConnection(_PlainConnection, HTTPSConnection):
    """The name in the address is still what is asked for in the handshake, and what the certificate has to carry."""

    encrypted = True

    def connect(self) -> None:
        super().connect()
        if not isinstance(self.sock, _SecureSocket):
            raise TypeError("The context's own kind of socket was not used, so nothing would watch it.")
        self.sock.exchange = self.exchange


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


@cache
def _context(trusted: str | None) -> ssl.SSLContext:
    """Made once: reading all public authorities takes longer than many an exchange."""
    context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    context.sslsocket_class = _SecureSocket
    if trusted is not None:
        context.load_verify_locations(cafile=trusted)
    return context


def checked(url: str, rules: Rules) -> SplitResult:
    """The parts of an address that may be asked at all. Where its name leads is looked at when it is.

    Raises:
        AddressNotValid, NotHttps, AddressHasCredentials: what is wrong with it.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is none
    except ValueError:
        raise AddressNotValid from None
    if parts.scheme not in ({"https", "http"} if rules.plaintext_loopback else {"https"}):
        raise NotHttps
    if "@" in parts.netloc:
        raise AddressHasCredentials
    if not parts.hostname or "#" in url:
        raise AddressNotValid
    return parts


class _Adapter(HTTPAdapter):
    """How the session sends: it reads the whole answer, within the rules, before anybody sees it."""

    def __init__(self, rules: Rules, trusted: str | None) -> None:
        super().__init__()
        self.rules = rules
        self.context = _context(trusted)

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        """Send the request. What the caller says of time, certificates and proxies cannot soften the rules."""
        parts = checked(request.url or "", self.rules)
        host = str(parts.hostname)
        exchange = Exchange(self.rules)
        try:
            with self._pool(parts, exchange) as pool, self._ask(pool, request) as answer:
                exchange.begin_body()
                response = self.build_response(request, answer)
                response._content = self._body(answer)  # noqa: SLF001 - requests would read without limit
        except (HTTPError, HTTPException, OSError) as error:
            raise _in_our_words(error, host) from error
        if response.is_redirect and not self.rules.as_it_is:
            raise Redirected(f"{host} answers with a redirect, and redirects are not followed.")
        return response

    def _body(self, answer: BaseHTTPResponse) -> bytes:
        """Read and decode the body. A reading with a limit decodes no more than that, whatever it unpacks to."""
        most = self.rules.most_bytes
        body = answer.read(most + 1, decode_content=True)
        if len(body) > most and not self.rules.as_it_is:
            raise TooLarge
        return body[:most]

    def _pool(self, parts: SplitResult, exchange: Exchange) -> HTTPConnectionPool:
        if parts.scheme == "http":
            return _PlainPool(str(parts.hostname), parts.port, exchange=exchange)
        return _SecurePool(str(parts.hostname), parts.port, ssl_context=self.context, exchange=exchange)

    def _ask(self, pool: HTTPConnectionPool, request: PreparedRequest) -> BaseHTTPResponse:
        return pool.urlopen(
            str(request.method),
            request.path_url,
            body=request.body,
            headers=request.headers,
            retries=False,
            redirect=False,
            timeout=self.rules.seconds,
            chunked=request.body is not None and "Content-Length" not in request.headers,
            preload_content=False,
            decode_content=False,
        )


def _in_our_words(error: Exception, host: str) -> NotFetched:
    cause = error.args[0] if isinstance(error, SSLError) and error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return CertificateNotTrusted(f"The certificate of {host} is not trusted: {cause.verify_message}")
    if isinstance(error, OutOfTime | TimeoutError):
        return TooSlow()
    if isinstance(cause, ssl.SSLError):
        return NotReached(f"No secure connection to {host} could be made.")
    if isinstance(error, DecodeError):
        return NotReached(f"The answer of {host} cannot be read.")
    return NotReached()


class OutboundSession(Session):
    """A session of `requests` for addresses that a tenant typed. Every way of sending raises NotFetched.

    `trusted`: a PEM file of authorities, besides the public ones. Any answer is returned, a redirect by the rules.
    """

    def __init__(self, rules: Rules, *, trusted: str | None = None) -> None:
        super().__init__()
        self.trust_env = False  # neither proxies nor ~/.netrc
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.adapters.clear()
        # For every scheme: an address that must not be fetched is refused by the rules, in our words.
        self.mount("", _Adapter(rules, trusted))

    def prepare_request(self, request: Request) -> PreparedRequest:
        try:  # `from None` below: the words of the library carry the whole address, and that may carry a secret
            return super().prepare_request(request)
        except MissingSchema:
            raise NotHttps from None
        except InvalidURL:
            raise AddressNotValid from None

    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[Response]:
        """None is followed. Where one would lead is not even read: it is any bytes, and may be no address at all."""
        return iter(())


def fetch(session: OutboundSession, url: str, *, accept: str) -> bytes:
    """Get the document at the address. Raises NotFetched: the type and the words tell why."""
    response = session.get(url, headers={"Accept": accept})
    if response.status_code != 200:
        raise NotAnswered(f"{urlsplit(url).hostname} answers {response.status_code}, where 200 was expected.")
    return response.content
