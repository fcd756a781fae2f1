"""Timestamps of others (RFC 3161): asked for over HTTPS by the house's rules, and believed only if they fit.

Whether the authority is one to trust is for whoever checks the seal to say. Here is looked at that the token is over
what was asked, answers this very request, and holds under the certificate of a timestamp authority that it brings.
"""

import os
from dataclasses import replace
from hashlib import new as digest_by_name
from hashlib import sha256
from typing import Any, Final

from asn1crypto import algos, cms, tsp, x509
from asn1crypto.parser import parse
from pyhanko.sign.general import SigningError, extract_signer_info
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext

from hq.lib.outbound import NotFetched, OutboundSession, Rules
from hq.web.outbound import rules
from signing.seals.loops import finished

SECONDS: Final = 10.0
MOST_BYTES: Final = 12 * 1024  # of an answer; it has to fit into the room that a seal keeps for it
_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
_ALGORITHMS: Final = frozenset(
    {"rsassa_pkcs1v15", *(f"{name}_{kind}" for name in _HASHES for kind in ("rsa", "ecdsa"))}
)
_CURVES: Final = frozenset({"secp256r1", "secp384r1"})
_ASKED, _ANSWERED = "application/timestamp-query", "application/timestamp-reply"


class NoTimestamp(Exception):
    """There is no timestamp that could be put into a seal. The words say why."""


def timestamp_of(signature: bytes, url: str) -> cms.ContentInfo:
    """Ask the authority at the address for a token over a signature.

    Raises:
        NoTimestamp: it gave none that fits.
    """
    digest, nonce = sha256(signature).digest(), int.from_bytes(os.urandom(8), "big")
    imprint = tsp.MessageImprint(
        {"hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}), "hashed_message": digest}
    )
    asked = tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "nonce": nonce, "cert_req": True})
    try:
        token = _token(_asked(url, asked.dump()))
        _require(token, digest, nonce)
    except (ValueError, TypeError, KeyError, AttributeError):  # what a stranger wrote may have any shape
        raise NoTimestamp("The timestamp authority answers with something that is no timestamp.") from None
    return token


def _asked(url: str, body: bytes) -> bytes:
    limits: Rules = replace(rules(), seconds=SECONDS, most_bytes=MOST_BYTES)
    try:
        with OutboundSession(limits) as session:
            answer = session.post(url, data=body, headers={"Content-Type": _ASKED, "Accept": _ANSWERED})
    except NotFetched as error:
        raise NoTimestamp(f"The timestamp authority cannot be asked: {error}") from error
    if answer.status_code != 200:
        raise NoTimestamp(f"The timestamp authority answers {answer.status_code}, where 200 was expected.")
    if answer.headers.get("Content-Type", "").partition(";")[0].strip() != _ANSWERED:
        raise NoTimestamp("The timestamp authority answers with something that is no timestamp.")
    return answer.content


def _token(raw: bytes) -> cms.ContentInfo:
    _, _, _, _, inside, _ = parse(raw, strict=True)
    status = tsp.PKIStatusInfo.load(inside)["status"].native  # a refusal has nothing else, which asn1crypto cannot read
    if status not in {"granted", "granted_with_mods"}:
        raise NoTimestamp(f"The timestamp authority refuses: {status}.")
    token = tsp.TimeStampResp.load(raw, strict=True)["time_stamp_token"]
    if token["content_type"].native != "signed_data":
        raise ValueError("no token")
    return token


def _require(token: cms.ContentInfo, digest: bytes, nonce: int) -> None:
    """Raises NoTimestamp, and whatever asn1crypto raises for bytes that are something else."""
    signed = token["content"]
    said = signed["encap_content_info"]["content"].parsed
    if not isinstance(said, tsp.TSTInfo):
        raise NoTimestamp("The timestamp authority answers with something that is no timestamp.")
    if said["nonce"].native != nonce:
        raise NoTimestamp("The timestamp answers another request: its nonce is another.")
    imprint = said["message_imprint"]
    if (imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native) != ("sha256", digest):
        raise NoTimestamp("The timestamp is over something else: its digest is another.")
    _require_form(token)
    try:
        found: dict[str, Any] = finished(
            validate_tst_signed_data(signed, ValidationContext(trust_roots=[]), lambda name: _same(name, digest))
        )
    except (SignatureValidationError, SigningError):
        raise NoTimestamp("The timestamp does not hold.") from None
    purposes = found["signing_cert"].extended_key_usage_value
    if not (found["intact"] and found["valid"]) or purposes is None or purposes.native != ["time_stamping"]:
        raise NoTimestamp("The timestamp does not hold.")
    if not _known_key(found["signing_cert"]):
        raise NoTimestamp("The timestamp is signed in a way that could not be checked without HQ.")


def _require_form(token: cms.ContentInfo) -> None:
    """It is one that bin/verify can check too: one signer, nothing unsigned, DER throughout. Raises NoTimestamp."""
    signed = token["content"]
    signer = extract_signer_info(signed)
    right = (
        signed["version"].native == "v3"
        and signer["version"].native == "v1"
        and signed["digest_algorithms"].dump()[2:] == signer["digest_algorithm"].dump()
        and signer["digest_algorithm"]["algorithm"].native in _HASHES
        and signer["signature_algorithm"]["algorithm"].native in _ALGORITHMS
        and not signer["unsigned_attrs"].native
        and not signed["crls"].native
        and len(token.dump(force=True)) == len(token.dump())
    )
    if not right:
        raise NoTimestamp("The timestamp is signed in a way that could not be checked without HQ.")


def _known_key(certificate: x509.Certificate) -> bool:
    key = certificate.public_key
    if key.algorithm == "rsa":
        return 2048 <= int(key.bit_size) <= 8192
    return bool(key.algorithm == "ec" and key.curve == ("named", key.curve[1]) and key.curve[1] in _CURVES)


def _same(name: str, digest: bytes) -> bytes:
    return digest if name == "sha256" else digest_by_name(name).digest()
