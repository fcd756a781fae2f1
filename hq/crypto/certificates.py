"""Certificates of identity providers (RFC 5280): read, judged, in one spelling.

Nobody signs for such a certificate: it only carries the key that the organization's admin brings. So its chain says
nothing, and is not looked at; its key and its dates are.
"""

import re
from base64 import b64decode
from binascii import Error
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

SMALLEST_RSA: Final = 2048  # bits, as SP 800-131A asks since 2014
SMALLEST_CURVE: Final = 256
MOST_CHARACTERS: Final = 20_000

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


class BadCertificate(ValueError):
    """This is no certificate under which a signature can be trusted. The words say why."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """`pem` is its one spelling, `fingerprint` the SHA-256 of the whole certificate in hexadecimal."""

    pem: str
    subject: str
    fingerprint: str
    begins_at: datetime
    expires_at: datetime


def read_certificate(text: str) -> Certificate:
    """Read one certificate, from PEM or from the base64 alone that metadata has.

    Raises:
        BadCertificate: it is none, or its key is too weak.
    """
    try:
        found = x509.load_der_x509_certificate(_octets(text))
        key = found.public_key()
        subject = found.subject.rfc4514_string()
    except (ValueError, x509.UnsupportedGeneralNameType) as error:
        if isinstance(error, BadCertificate):
            raise
        raise BadCertificate("This cannot be read as a certificate.") from error
    if isinstance(key, RSAPublicKey):
        if key.key_size < SMALLEST_RSA:
            raise BadCertificate(f"The certificate’s RSA key has {key.key_size} bits. {SMALLEST_RSA} is the least.")
    elif not isinstance(key, EllipticCurvePublicKey) or key.curve.key_size < SMALLEST_CURVE:
        raise BadCertificate("The certificate’s key is of a kind that is not accepted. Use RSA or an elliptic curve.")
    return Certificate(
        pem=found.public_bytes(Encoding.PEM).decode(),
        subject=subject,
        fingerprint=found.fingerprint(SHA256()).hex(),
        begins_at=found.not_valid_before_utc,
        expires_at=found.not_valid_after_utc,
    )


def _octets(text: str) -> bytes:
    if "PRIVATE KEY" in text:
        raise BadCertificate("This is a private key. It belongs to the provider alone; give the certificate.")
    if len(text) > MOST_CHARACTERS:
        raise BadCertificate("This is too long for one certificate.")
    bodies = _PEM.findall(text) if "-----BEGIN" in text else [text]
    if len(bodies) != 1:
        raise BadCertificate(
            "There is more than one certificate in this. Give the one that the provider signs with."
            if bodies
            else "This is not a certificate. It begins with -----BEGIN CERTIFICATE-----."
        )
    try:
        return b64decode("".join(bodies[0].split()), validate=True)
    except (Error, ValueError) as error:
        raise BadCertificate("This cannot be read as a certificate.") from error
