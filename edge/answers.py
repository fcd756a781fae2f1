"""What is asked of the edge and what it answers, as plain values: Django's requests would cost more than the files."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.conf import settings

Headers = list[tuple[str, str]]

PERMISSIONS = (
    "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=(), browsing-topics=()"
)
# For every answer, whoever made it. The referrer may be a link, and nothing here needs one. A page is never inside
# another one, nor read by another origin.
ALWAYS: Headers = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Origin-Agent-Cluster", "?1"),
    ("Permissions-Policy", PERMISSIONS),
    ("X-Robots-Tag", "noindex, nofollow"),
]
if settings.EDGE_URL.startswith("https://"):
    ALWAYS.append(("Strict-Transport-Security", "max-age=63072000; includeSubDomains"))

# For pages of the edge's own: nothing but its style, and a form that goes to itself.
OWN_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# For what people publish: it may run its own scripts and styles, and talks to nobody but its own host. No sandbox: one
# that keeps the origin, as a protected site must to load its own files, holds nothing.
PUBLISHED_POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'wasm-unsafe-eval'; connect-src 'self' data: blob:; "
    "object-src 'none'; form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
)
NOTHING_HERE = b"There is nothing here.\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to a host below the edge's. `path` is decoded once, as the server gives it."""

    label: str
    method: str
    path: str
    environ: dict[str, Any]

    def header(self, name: str) -> str:
        """A request header by the name that WSGI gives it: `HTTP_RANGE`."""
        value: str = self.environ.get(name, "")
        return value


@dataclass(slots=True)
class Answer:
    """Status, headers without those of every answer, and the body as pieces. A stream is closed by the server.

    `without` names those of every answer that this one must not have: a preview is framed, by whom its policy says.
    """

    status: int = 200
    headers: Headers = field(default_factory=list)
    body: Iterable[bytes] = ()
    without: frozenset[str] = frozenset()

    @property
    def line(self) -> str:
        return f"{self.status} {HTTPStatus(self.status).phrase}"


def text(status: int, body: bytes = NOTHING_HERE, *more: tuple[str, str]) -> Answer:
    """A line in plain text, which nothing keeps."""
    headers: Headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", OWN_POLICY),
        ("Referrer-Policy", "no-referrer"),
    ]
    return Answer(status, [*headers, *more], [body])
