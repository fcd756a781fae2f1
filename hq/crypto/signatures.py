"""Signatures that outlive HQ: Ed25519 (RFC 8032) as compact JWS (RFC 7515, RFC 8037), and the names of its keys.

    jws    = base64url(header) "." base64url(payload) "." base64url(signature, 64 bytes)
    header = {"alg":"EdDSA","kid":"<RFC 7638 thumbprint>","typ":"<what was signed>"}

Nothing in a JWS is negotiable: who verifies knows the key and the type, so there is exactly one header, with one
spelling, and it is compared as text instead of being read. A header that asks for another algorithm, names a critical
extension or brings its own key is another text.

OpenSSL verifies under any point of the curve. Fourteen encodings stand for points of low order: under each of them a
signature can be made that holds, by somebody who has no secret at all. Such keys are refused, and so is every second
spelling of a coordinate (RFC 8032 section 5.1.3).
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import OKPKey

PUBLIC_BYTES = 32

_FIELD: Final = 2**255 - 19
# The y coordinates of the eight points whose order divides 8: the neutral element, the point of order 2, the two of
# order 4, the four of order 8. The sign of x is a bit of its own and does not matter here.
_OF_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_LOW_ORDER: Final = frozenset({1, _FIELD - 1, 0, _OF_ORDER_8, _FIELD - _OF_ORDER_8})


class BadSignature(Exception):
    """The signature does not hold."""


class BadKey(ValueError):
    """This is no Ed25519 public key under which a signature proves anything."""


def generate() -> bytes:
    """Make a new signing key: its seed, 32 secret bytes."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_of(seed: bytes) -> bytes:
    """Give the public key (32 bytes) of a seed.

    Raises:
        ValueError: the seed has another length than 32 bytes.
    """
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def kid_of(public: bytes) -> str:
    """Name a public key by its RFC 7638 thumbprint: SHA-256 as base64url, 43 characters.

    Raises:
        BadKey: nobody should trust it; see above.
    """
    _check(public)
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": encode(public)}).thumbprint()


def jwk_of(public: bytes) -> dict[str, str]:
    """Write a public key as a JWK (RFC 8037), as it stands in a JWKS and in statements.

    Raises:
        BadKey: nobody should trust it; see above.
    """
    return {
        "alg": "EdDSA",
        "crv": "Ed25519",
        "kid": kid_of(public),
        "kty": "OKP",
        "use": "sig",
        "x": encode(public),
    }


def public_of_jwk(jwk: Mapping[str, Any]) -> bytes:
    """Read what `jwk_of` wrote; not more, not less.

    Raises:
        BadKey: it is written in any other way, or nobody should trust it; see above.
    """
    try:
        public = decode(jwk["x"])
        if dict(jwk) == jwk_of(public):
            return public
    except (AttributeError, KeyError, TypeError, ValueError):  # Not even texts, or not all of them.
        raise BadKey from None
    raise BadKey


def public_pem(public: bytes) -> str:
    """Write a public key as PEM (SubjectPublicKeyInfo, RFC 8410), which `openssl` reads.

    Raises:
        BadKey: nobody should trust it; see above.
    """
    _check(public)
    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def sign(seed: bytes, message: bytes) -> bytes:
    """Sign bytes as they are (64 bytes). What is signed so has to say by itself what it is; see `sign_jws`.

    Raises:
        ValueError: the seed has another length than 32 bytes.
    """
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Return only if this key signed these bytes.

    Raises:
        BadSignature: it did not, or nobody should trust the key; which of the two is not told.
    """
    try:
        _check(public)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise BadSignature from None


def sign_jws(seed: bytes, payload: bytes, *, typ: str) -> str:
    """Sign bytes. `typ` says what they are, so that a signature over one kind of thing is never taken for another.

    Raises:
        ValueError: the seed has another length than 32 bytes, or `typ` is empty.
    """
    if not typ:
        raise ValueError("A signature says what it is over.")
    signed = f"{_header(public_of(seed), typ)}.{encode(payload)}"
    return f"{signed}.{encode(sign(seed, signed.encode('ascii')))}"


def verify_jws(jws: str, public: bytes, *, typ: str) -> bytes:
    """Give the payload of a JWS that `sign_jws` made with this key for this type.

    Raises:
        BadSignature: anything is wrong with it, or with the key; which thing is not told.
    """
    try:
        header, payload, signature = jws.split(".")
        if header != _header(public, typ):
            raise BadSignature
        verify(public, f"{header}.{payload}".encode("ascii"), decode(signature))
        return decode(payload)
    except ValueError:
        raise BadSignature from None


def encode(raw: bytes) -> str:
    """Write bytes as base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Read base64url as `encode` writes it: no padding, no white space, trailing bits zero.

    Raises:
        ValueError: it has another spelling.
    """
    raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode(raw) != text:
        raise ValueError("This is not base64url in its one spelling.")
    return raw


def _header(public: bytes, typ: str) -> str:
    # Canonical as it stands: three ASCII keys in order. `json` escapes whatever else a type might contain.
    header = {"alg": "EdDSA", "kid": kid_of(public), "typ": typ}
    return encode(json.dumps(header, separators=(",", ":")).encode("ascii"))


def _check(public: bytes) -> None:
    """Raise BadKey for a wrong length, a second spelling, or a point of low order."""
    if len(public) != PUBLIC_BYTES:
        raise BadKey
    y = int.from_bytes(public, "little") & (2**255 - 1)  # The top bit is the sign of x.
    if y >= _FIELD or y in _LOW_ORDER:
        raise BadKey
