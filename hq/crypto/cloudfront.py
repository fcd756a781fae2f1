"""Policies that Amazon CloudFront checks: ECDSA over P-256 and SHA-256 (FIPS 186-5), in CloudFront's base64.

A key follows from a secret, so whoever has the secret has the key, and rotating the one rotates the other. CloudFront
has the public keys only, in a key group. Its base64 is the usual one with three signs changed, as cookies and addresses
cannot carry them: "+" is "-", "=" is "_", "/" is "~".
"""

import base64
import binascii
import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hq.crypto.kdf import derive

HASH: Final = "SHA256"  # as CloudFront-Hash-Algorithm names it; without that it takes SHA-1
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
_INFO: Final = b"hq policy signing key, p-256"
_EXTRA: Final = 48  # bytes: 64 bits more than the order has, so that no key is likelier than another (A.2.1)
_TO, _FROM = bytes.maketrans(b"+=/", b"-_~"), bytes.maketrans(b"-_~", b"+=/")


class PolicyKey:
    """A key pair that follows from a secret of any length."""

    __slots__ = ("_private", "_public", "thumbprint")

    def __init__(self, secret: bytes) -> None:
        strong = hashlib.sha256(secret).digest()
        scalar = int.from_bytes(derive(strong, info=_INFO, length=_EXTRA)) % (_ORDER - 1) + 1
        self._private = ec.derive_private_key(scalar, ec.SECP256R1())
        self._public = self._private.public_key()
        spki = self._public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.thumbprint = hashlib.sha256(spki).hexdigest()[:16]

    @property
    def public_pem(self) -> str:
        """As CloudFront takes it into a key group."""
        return self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, policy: bytes) -> bytes:
        """The signature, in DER."""
        return self._private.sign(policy, ec.ECDSA(SHA256()))

    def holds(self, policy: bytes, signature: bytes) -> bool:
        """Whether this key made the signature of these very bytes."""
        try:
            self._public.verify(signature, policy, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


def encode(raw: bytes) -> str:
    """In CloudFront's base64."""
    return base64.b64encode(raw).translate(_TO).decode()


def decode(text: str) -> bytes | None:
    """What was encoded; None for anything that `encode` does not write."""
    try:
        raw = base64.b64decode(text.encode("ascii").translate(_FROM), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if encode(raw) == text else None
