"""What `bin/manage demo` tells: who works at Alder Peak, what they keep, and where people sit.

Names are made up, addresses are reserved for documentation (RFC 2606, 5737, 3849), and the documents are HQ's own.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from joserfc import jwt
from joserfc.jwk import ECKey

from hq.authz.actor import Origin
from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import GRANTS, Role

ORGANIZATION = "Alder Peak"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_1) AppleWebKit/605.1.15 Version/26.0 Safari/605.1.15"
SCANNER = "LinkPreview/3.2 (mail gateway)"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at Alder Peak, and where they sit."""

    name: str
    email: str
    role: Role
    ip: str
    joins_as: Role | None = None  # where the role was another one at first

    @property
    def origin(self) -> Origin:
        return Origin(ip=self.ip, user_agent=FIREFOX, request_id="demo")


OWNER = Person("Inês Carvalho", "ines@alderpeak.example", Role.OWNER, "203.0.113.24")
ADMIN = Person("Tomasz Wrona", "tomasz@alderpeak.example", Role.ADMIN, "203.0.113.31")
DEVELOPER = Person("Priya Raman", "priya@alderpeak.example", Role.DEVELOPER, "2001:db8:a1de::52", joins_as=Role.ANALYST)
ANALYST = Person("Dana Okafor", "dana@alderpeak.example", Role.ANALYST, "203.0.113.40")
AUDITOR = Person("Mikael Lindqvist", "mikael@lindqvist-audit.example", Role.AUDITOR, "198.51.100.12")
LEAVER = Person("Jonas Weiler", "jonas@alderpeak.example", Role.DEVELOPER, "203.0.113.47")
CLAIMS = (DEVELOPER, ANALYST)
JOINERS = (ADMIN, DEVELOPER, ANALYST, AUDITOR, LEAVER)
OPEN_INVITATION = ("board@alderpeak.example", Role.ANALYST)
WRONG_INVITATION = ("toamsz@alderpeak.example", Role.ADMIN)

# The sixth role is a machine's: its key may do what a service account may, and no more.
MACHINE_SCOPES = GRANTS[Role.SERVICE_ACCOUNT] & SCOPES
CI_SCOPES = frozenset({Permission.OBJECTS_READ, Permission.OBJECTS_WRITE})
MACHINE_IP = "192.0.2.80"
RECEIVERS = "https://hooks.alderpeak.example"
CLUSTER_IP = "192.0.2.96"

RECIPIENT_IP, STRANGER_IP, GATEWAY_IP = "198.51.100.12", "192.0.2.177", "198.51.100.200"

BOARD = ("Ada Brandt, board", "Mehmet Acar, board")
REPAIRS = b"item,cost\nFront door,1180.00\nKitchen window,640.50\n"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kubernetes cluster that HQ cannot reach. Its key is forgotten with the demo, so nobody comes in by it later."""

    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "cluster-1", "use": "sig"}))
    issuer = "https://kubernetes.default.svc.cluster.local"

    @property
    def keys(self) -> str:
        """The public half, as the cluster publishes it."""
        return json.dumps({"keys": [self.key.as_dict(private=False)]}, indent=2)

    @staticmethod
    def subject(account: str) -> str:
        return f"system:serviceaccount:claims:{account}"

    def asks(self, trust_id: UUID, account: str) -> bytes:
        """The form by which a pod of this account exchanges its token."""
        at = int(time())
        claims = {
            "iss": self.issuer,
            "aud": settings.BASE_URL,
            "sub": self.subject(account),
            "iat": at,
            "exp": at + 600,
        }
        token = jwt.encode({"alg": "ES256", "kid": "cluster-1"}, claims, self.key, algorithms=["ES256"])
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": str(trust_id),
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "subject_token": token,
        }
        return urlencode(form).encode()


@dataclass(frozen=True, slots=True)
class Document:
    """A real file and where it goes. Of `early` ones a first version holds only the beginning."""

    path: str
    content: bytes
    content_type: str
    early: bool = False

    @property
    def beginning(self) -> bytes:
        """Up to the section in the middle, as it might have been a week before."""
        sections = self.content.split(b"\n## ")
        return b"\n## ".join(sections[: max(1, len(sections) // 2)]) + b"\n"


_TYPES = {".md": "text/markdown", ".svg": "image/svg+xml", ".png": "image/png", "": "text/plain"}
_EARLY = {"README.md", "CHANGELOG.md", "THREAT_MODEL.md"}
_PLACES = (
    ("*.md", "handbook"),
    ("LICENSE", "handbook/legal"),
    ("docs/*.md", "handbook/design"),
    ("docs/*.svg", "handbook/pictures"),
    ("docs/adr/*.md", "handbook/decisions"),
    ("docs/screenshots/*.png", "handbook/pictures"),
)


def documents() -> list[Document]:
    """HQ's own documents, as far as this installation has them."""
    return [_document(file, folder) for pattern, folder in _PLACES for file in sorted(settings.ROOT.glob(pattern))]


def _document(file: Path, folder: str) -> Document:
    content_type = _TYPES.get(file.suffix, "application/octet-stream")
    return Document(f"{folder}/{file.name}", file.read_bytes(), content_type, file.name in _EARLY)


def digests(known: list[Document]) -> bytes:
    """A register that a nightly job would store: each document with its size and SHA-256."""
    lines = [f"{item.path},{len(item.content)},{hashlib.sha256(item.content).hexdigest()}" for item in known]
    return "\n".join(["path,bytes,sha256", *lines, ""]).encode()


_STYLE = "body { margin: 4rem auto; max-width: 40rem; font: 16px/1.5 system-ui, sans-serif; }"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Claims in November</title>
<link rel="stylesheet" href="site.css"></head>
<body><h1>Claims in November</h1><p>{text}</p></body></html>
"""
# What is published first, and what a correction made of it.
SITES = (
    {"index.html": _PAGE.format(text="41 claims came in, 37 were settled."), "site.css": _STYLE},
    {
        "index.html": _PAGE.format(text='42 claims came in, 38 were settled. <a href="method.html">How we count</a>'),
        "method.html": _PAGE.format(text="A claim counts in the month in which it was reported."),
        "site.css": _STYLE,
    },
)
