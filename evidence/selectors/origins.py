"""How logs and witnesses are called, and by which keys they are known."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from audit.tags import Log
from hq.crypto.notes import COSIGNATURE, ED25519, BadNote, Note, check_note, key_id, read_verifier_key, verifier_key
from hq.crypto.signatures import BadSignature, public_of_jwk
from keys import selectors as keys


@dataclass(frozen=True, slots=True)
class Witness:
    """Another log's witness, as the deployment's settings name it."""

    name: str
    public: bytes
    url: str

    @property
    def key_id(self) -> bytes:
        return key_id(self.name, self.public, COSIGNATURE)


def host() -> str:
    """Under which name this deployment is reached."""
    return urlsplit(settings.BASE_URL).netloc.rpartition("@")[2]


def origin_of(environment_id: UUID, log: str) -> str:
    """What a log is called in its checkpoints; its key has the same name."""
    return f"{host()}/logs/{environment_id}/{Log(log).value}"


def address_of(environment_id: UUID, log: str) -> str:
    """Where the newest checkpoint of a log is published."""
    return f"{settings.BASE_URL}/logs/{environment_id}/{Log(log).value}/checkpoint"


def own_witness_name() -> str:
    """What this deployment is called where it is a witness."""
    return f"{host()}/witness"


def public_halves() -> list[bytes]:
    """Every key that HQ ever signed with, newest first."""
    return [public_of_jwk(jwk) for jwk in keys.public_keys()]


def verifier_keys(origin: str) -> list[str]:
    """The keys by which checkpoints of a log are checked, newest first; the others are for those made before."""
    return [verifier_key(origin, public, ED25519) for public in public_halves()]


def own_witness_key() -> str:
    """The key by which our cosignatures are checked."""
    return verifier_key(own_witness_name(), public_halves()[0], COSIGNATURE)


def is_signed(note: Note, origin: str) -> bool:
    """Tell whether HQ signed this note under this name, with any key that it has or had."""
    for public in public_halves():
        try:
            check_note(note, origin, public)
        except BadSignature:
            continue
        return True
    return False


def witnesses() -> list[Witness]:
    """Those of HQ_WITNESSES. Raises BadNote."""
    return [_witness(word) for word in settings.WITNESSES]


def _witness(word: str) -> Witness:
    key, _, url = word.partition(" ")
    name, kind, public = read_verifier_key(key)
    if kind != COSIGNATURE or not url.startswith(("https://", "http://")):
        raise BadNote("A witness is given as its key for cosignatures, a space, and its address.")
    return Witness(name, public, url.strip().rstrip("/"))


def witnessed() -> dict[str, list[bytes]]:
    """The logs that this deployment is a witness of, by HQ_WITNESSED_LOGS: the keys of each. Raises BadNote."""
    found: dict[str, list[bytes]] = {}
    for word in settings.WITNESSED_LOGS:
        name, kind, public = read_verifier_key(word)
        if kind != ED25519:
            raise BadNote("A log is given as its key for signatures.")
        found.setdefault(name, []).append(public)
    return found


def require_settings() -> None:
    """At the start of every process: none runs whose checkpoints could not be made. Raises ImproperlyConfigured."""
    read: dict[str, Callable[[], object]] = {"HQ_WITNESSES": witnesses, "HQ_WITNESSED_LOGS": witnessed}
    for name, reader in read.items():
        try:
            reader()
        except BadNote as fault:
            raise ImproperlyConfigured(f"{name} cannot be read. {fault}") from fault
