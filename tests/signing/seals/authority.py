"""A timestamp authority (RFC 3161) on a loopback address, that answers as badly as it is told."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from socket import socket
from typing import Any

from asn1crypto import cms, keys, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper

from tests.lib.loopback import Answer, Server, saying
from tests.verify.agreements import AT

NAME = "Example timestamps"
Change = Callable[[tsp.TimeStampReq], tsp.TimeStampReq]


def made(
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING,
    *,
    issuer: str = NAME,
    subject: str = NAME,
    at: datetime = AT,
    bits: int = 2048,
) -> DummyTimeStamper:
    """An authority with a certificate that it signed itself, whoever that says issued it; for 900 days."""
    key = rsa.generate_private_key(65537, bits)
    by, whose = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (issuer, subject))
    begins = at - timedelta(days=1)
    built = x509.CertificateBuilder(by, whose, key.public_key(), 7, begins, begins + timedelta(days=900))
    built = built.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    certificate = built.sign(key, SHA256()).public_bytes(Encoding.DER)
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    said = datetime(2026, 11, 22, 5, 9, 30, tzinfo=UTC)
    return DummyTimeStamper(asn1.Certificate.load(certificate), keys.PrivateKeyInfo.load(private), fixed_dt=said)


@cache
def stamper(purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING) -> DummyTimeStamper:
    """The authority that most tests ask."""
    return made(purpose)


def response(asked: bytes, change: Change = lambda request: request, by: DummyTimeStamper | None = None) -> Any:
    """The answer to a request, or to what was made of it."""
    return (by or stamper()).request_tsa_response(change(tsp.TimeStampReq.load(asked)))


def body(server: Server, talk: socket) -> bytes:
    """What was posted, which may come in pieces."""
    head, _, found = server.heads[-1].partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length
    while len(found) < int(length[1]):
        found += talk.recv(65536)
    assert b"Content-Type: application/timestamp-query" in head
    return found


def stamping(answer: Callable[[bytes], bytes]) -> Answer:
    """Answer a request with what is made of it."""

    def attend(server: Server, talk: socket) -> None:
        made = answer(body(server, talk))
        saying(made, b"Content-Type: application/timestamp-reply")(server, talk)

    return attend


def other_nonce(request: tsp.TimeStampReq) -> tsp.TimeStampReq:
    request["nonce"] = 7
    return request


def other_digest(request: tsp.TimeStampReq) -> tsp.TimeStampReq:
    request["message_imprint"]["hashed_message"] = bytes(32)
    return request


def broken(asked: bytes) -> bytes:
    """A token whose signature was changed."""
    answer = response(asked)
    (signed,) = answer["time_stamp_token"]["content"]["signer_infos"]
    signature = signed["signature"].native
    signed["signature"] = signature[:-1] + bytes([signature[-1] ^ 1])
    return bytes(answer.dump(force=True))


def unsigned(asked: bytes) -> bytes:
    """A token with something beside what was signed."""
    answer = response(asked)
    (signed,) = answer["time_stamp_token"]["content"]["signer_infos"]
    signed["unsigned_attrs"] = [cms.CMSAttribute({"type": "content_type", "values": ["data"]})]
    return bytes(answer.dump(force=True))


REFUSAL = bytes.fromhex("30053003020102")  # PKIStatus 2: rejection, and nothing else
