"""Statements as HQ writes them, and files that only look like them."""

import json
from typing import Any

from hq.crypto.signatures import encode, jwk_of, kid_of, public_of, sign, sign_jws
from hq.crypto.statements import DELETION, ROTATION, TYP, build

SEED = bytes(range(32))
PUBLIC = public_of(SEED)
KID = kid_of(PUBLIC)
STRANGER = bytes(range(1, 33))

ORGANIZATION = {"id": "0193aaaa-0000-7000-8000-000000000001", "name": "Söhne & Töchter 东京 🗝"}

CERTIFICATE: dict[str, Any] = {
    "v": 1,
    "type": DELETION,
    "id": "01935b1c-0000-7000-8000-000000000001",
    "issued_at": "2026-11-22T05:09:00Z",
    "issuer": "https://hq.example.org",
    "organization": ORGANIZATION,
    "requested": {"at": "2026-10-22T05:09:00Z", "by": "ada@example.org"},
    "approved": {"at": "2026-10-22T06:10:00Z", "by": "bo@example.org"},
    "scheduled_at": "2026-11-22T05:09:00Z",
    "destroyed_at": "2026-11-22T05:08:59.123456Z",
    "keys": [
        {
            "cmk": "cmk-7",
            "provider": "embedded",
            "customer_owned": False,
            "versions": 2,
            "data_keys": [
                {"id": "dk-1", "purpose": "content", "environment": "live", "version": 1, "fingerprint": "9f86d081"},
                {"id": "dk-2", "purpose": "metadata", "environment": None, "version": 1, "fingerprint": "60303ae2"},
            ],
        }
    ],
    "counts": [{"what": "Object contents", "rows": 12, "bytes": "9007199254740993"}],
    "chain": [{"environment": "live", "index": 1234, "hash": "ab" * 32}],
    "covers": ["Whatever was sealed under these keys can be opened by nobody."],
    "does_not_cover": ["Plaintext that was taken out before."],
}
ROTATED: dict[str, Any] = {
    "v": 1,
    "type": ROTATION,
    "id": "01935b1c-0000-7000-8000-000000000002",
    "issued_at": "2026-11-22T05:09:00Z",
    "issuer": "https://hq.example.org",
    "organization": ORGANIZATION,
    "key": {"cmk": "cmk-7", "provider": "aws-kms", "from_version": 1, "to_version": 2},
    "requested": {"at": "2026-11-22T05:00:00Z", "by": "0193aaaa", "name": "Ada"},
    "started_at": "2026-11-22T05:00:01Z",
    "finished_at": "2026-11-22T05:08:00Z",
    "rewrapped": 7,
    "rows_left": 0,
    "data": [{"what": "Object contents", "rows": 12, "bytes": 4096, "purpose": "content"}],
    "kept": [{"what": "Share links", "purpose": "capability", "reason": "They were handed out."}],
    "covers": ["Whatever stood under the older version."],
    "does_not_cover": ["Copies made before the rotation."],
}


def certificate(**change: Any) -> bytes:
    return build(CERTIFICATE | change, SEED)


def content(raw: bytes) -> dict[str, Any]:
    """The statement in a file."""
    statement: dict[str, Any] = json.loads(raw)["statement"]
    return statement


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8", "surrogatepass")


def signed_as_it_is(payload: bytes, seed: bytes = SEED) -> bytes:
    """A file around payload bytes that need not be canonical, signed properly over exactly these bytes."""
    return b'{"jws":"%b","statement":%b}' % (sign_jws(seed, payload, typ=TYP).encode(), payload)


def changed_and_signed(**change: Any) -> bytes:
    """A file that our own key signed, with members that `build` would not write."""
    return signed_as_it_is(compact(content(certificate()) | change))


def with_header(header: Any) -> bytes:
    """A certificate whose JWS has another header; the signature over it holds."""
    statement = compact(content(certificate()))
    message = f"{encode(compact(header))}.{encode(statement)}".encode()
    return b'{"jws":"%b.%b","statement":%b}' % (message, encode(sign(SEED, message)).encode(), statement)


def with_jws(jws: Any) -> bytes:
    return compact({"jws": jws, "statement": content(certificate())})


def jwks(*publics: bytes) -> bytes:
    return json.dumps({"keys": [jwk_of(public) for public in publics]}, indent=2).encode()
