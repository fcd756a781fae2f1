"""Requests to the edge as its server hands them over."""

from dataclasses import dataclass
from io import BytesIO
from itertools import count
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from edge.app import Edge

EDGE = Edge()
HOST = urlsplit(settings.EDGE_URL).netloc
_addresses = count(1)


@dataclass(frozen=True)
class Got:
    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes

    @property
    def cookie(self) -> str:
        """What was given, as a browser sends it back."""
        assert self.cookies
        return "; ".join(given.partition(";")[0] for given in self.cookies)


def ask(
    label: str,
    path: str = "/",
    method: str = "GET",
    *,
    host: str = "",
    query: str = "",
    form: dict[str, str] | None = None,
    ip: str = "",
    **headers: str,
) -> Got:
    """Ask for a path as it is after one decoding. Each request comes from an address of its own unless one is named."""
    body = urlencode(form or {}).encode()
    number = next(_addresses)
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "1",
        "HTTP_HOST": host or f"{label}.{HOST}",
        "REMOTE_ADDR": ip or f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "wsgi.input": BytesIO(body),
        "wsgi.url_scheme": "http",
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }
    told: list[tuple[str, list[tuple[str, str]]]] = []
    answer = EDGE(environ, lambda line, given: told.append((line, given)))
    content = b"".join(answer)
    if close := getattr(answer, "close", None):
        close()
    [(line, given)] = told
    cookies = [value for name, value in given if name == "Set-Cookie"]
    return Got(int(line.split()[0]), dict(given), cookies, content)
