"""A signature by the signer's own key: what a passkey signs is the hash of what they agree to (WebAuthn Level 3).

    challenge = SHA-256(RFC 8785 of {"agreement", "consent_sha256", "document_sha256", "fields_sha256", "signer"})

all of them strings. What is signed is kept before the browser is asked, and computed again from what is kept after it
answered, so nothing else can be signed than what was hashed. The answer stands in the step, for anybody to check.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    UserVerificationRequirement,
)

from hq.lib.canonical import canonical
from hq.lib.clock import now
from hq.lib.errors import Denied, Refused
from signing import consents
from signing.actions.acts import Standing, fill_in, lock_turn, sign_agreement
from signing.actions.faults import NoConsent, NotYourTurn
from signing.actions.values import Filled, digest_of
from signing.models import Agreement, Passkey, Signer

PASSKEYS_MOST, ANSWER_MOST = 10, 20_000
ES256: Final = -7  # which every authenticator has, and every verifier
_P256: Final = {1: 2, 3: ES256, -1: 1}  # a COSE key beside its two numbers (RFC 9053)
_VERIFIED: Final = UserVerificationRequirement.REQUIRED
_NO_MAKER: Final = Aaguid(bytes(16))
# What reading an answer that nobody has checked may raise, down to its CBOR.
_UNREADABLE: Final = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    AssertionError,
    NotImplementedError,
    RecursionError,
    struct.error,
)


class PasskeyRefused(Denied):
    """This passkey was not accepted. Nothing was signed; you can try again."""


class PasskeysNeedTheCode(Refused):
    """Only who has shown by a code that the address is theirs can sign with a passkey."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the browser is to do: `create` a passkey or `get` one to sign, with its options as JSON."""

    act: str
    options: dict[str, Any]
    agreement: Agreement
    signer: Signer


def prepare_signing(standing: Standing, *, values: Mapping[int, str], signature: Mapping[str, Any]) -> None:
    """Keep what is to be signed, once it is whole. Raises NotYourTurn, NoConsent, NotAllFilled, CannotBeSigned."""
    agreement, signer = _lock(standing)
    filled = fill_in(agreement, signer, values, signature)
    signer.signature = dict(filled.signature)
    signer.save(update_fields=["signature"])


def ask_passkey(standing: Standing, *, another: bool = False) -> Asked:
    """What the browser is asked for what was kept; `another` where the one it has here is not at hand.

    Raises NotYourTurn, NoConsent, NotAllFilled, CannotBeSigned.
    """
    agreement, signer = _lock(standing)
    challenge = challenge_of(agreement, signer, _kept(agreement, signer))
    known = _known(signer)
    if known and not another:
        options, _ = _server().authenticate_begin(known, user_verification=_VERIFIED, challenge=challenge)
        return Asked("get", dict(options), agreement, signer)
    user = PublicKeyCredentialUserEntity(name=signer.email, id=bytes(signer.email_index), display_name=signer.name)
    made, _ = _server().register_begin(user, known, user_verification=_VERIFIED, challenge=challenge)
    return Asked("create", dict(made), agreement, signer)


def add_passkey(standing: Standing, *, answer: str) -> None:
    """Keep the passkey that the browser made. Nothing is signed by it yet. Raises PasskeyRefused, NotYourTurn."""
    agreement, signer = _lock(standing)
    if len(_known(signer)) >= PASSKEYS_MOST:
        raise PasskeyRefused
    state = _state(challenge_of(agreement, signer, _kept(agreement, signer)))
    try:
        response = RegistrationResponse.from_dict(_read(answer))
        made = _server().register_complete(state, response).credential_data
    except _UNREADABLE as error:
        raise PasskeyRefused from error
    if made is None or not _is_plain(made.public_key):
        raise PasskeyRefused
    rows = Passkey.objects.filter(organization_id=standing.organization_id, credential_id=made.credential_id)
    if rows.exists():
        raise PasskeyRefused
    Passkey.objects.create(
        organization_id=standing.organization_id,
        email_index=signer.email_index,
        credential_id=made.credential_id,
        public_key=cbor.encode(made.public_key),
    )


def sign_with_passkey(standing: Standing, *, answer: str, label: str) -> Agreement:
    """They sign what was kept, and their own key with them. Raises PasskeyRefused and what sign_agreement raises."""
    agreement, signer = _lock(standing)
    challenge = challenge_of(agreement, signer, _kept(agreement, signer))
    try:
        response = AuthenticationResponse.from_dict(_read(answer))
        used = _server().authenticate_complete(_state(challenge), _known(signer), response)
        _read_plainly(bytes(response.response.client_data))
    except _UNREADABLE as error:
        raise PasskeyRefused from error
    rows = Passkey.objects.filter(organization_id=standing.organization_id, credential_id=used.credential_id)
    rows.update(used_at=now())
    shown = {
        "public_key": cbor.encode(used.public_key),
        "credential_id": used.credential_id,
        "authenticator_data": bytes(response.response.authenticator_data),
        "client_data": bytes(response.response.client_data),
        "signature": response.response.signature,
    }
    return sign_agreement(
        standing,
        values={},
        signature=signer.signature or {},
        label=label,
        passkey={name: websafe_encode(value) for name, value in shown.items()},
    )


def challenge_of(agreement: Agreement, signer: Signer, filled: Filled) -> bytes:
    """What the passkey signs, 32 bytes."""
    consent = consents.get(signer.consent_language, signer.consent_version)
    what = {
        "agreement": str(agreement.id),
        "consent_sha256": consent.sha256,
        "document_sha256": agreement.document.sha256,
        "fields_sha256": digest_of(filled),
        "signer": str(signer.id),
    }
    return sha256(canonical(what)).digest()


def _lock(standing: Standing) -> tuple[Agreement, Signer]:
    agreement, signer = lock_turn(standing)
    if standing.method == Signer.Method.LINK:
        raise PasskeysNeedTheCode
    if signer.state != Signer.State.CONSENTED:
        raise NoConsent if signer.acts else NotYourTurn
    return agreement, signer


def _kept(agreement: Agreement, signer: Signer) -> Filled:
    return fill_in(agreement, signer, {}, signer.signature or {})


def _known(signer: Signer) -> list[AttestedCredentialData]:
    """The address's passkeys, the last used first."""
    rows = Passkey.objects.filter(organization_id=signer.organization_id, email_index=bytes(signer.email_index))
    return [_attested(row) for row in rows.order_by("-used_at")]


def _attested(row: Passkey) -> AttestedCredentialData:
    key = CoseKey.parse(dict(cbor.decode(bytes(row.public_key))))  # type: ignore[arg-type]  # a map when it was kept
    return AttestedCredentialData.create(_NO_MAKER, bytes(row.credential_id), key)


def _server() -> Fido2Server:
    """By the address that HQ is configured with, never by what a request calls it."""
    base = urlsplit(settings.BASE_URL)
    whole = f"{base.scheme}://{base.netloc}"
    entity = PublicKeyCredentialRpEntity(id=base.hostname or "", name="HQ")
    server = Fido2Server(entity, verify_origin=lambda origin: origin == whole)
    server.allowed_algorithms = [one for one in server.allowed_algorithms if one.alg == ES256]
    return server


def _state(challenge: bytes) -> dict[str, Any]:
    return {"challenge": websafe_encode(challenge), "user_verification": _VERIFIED}


def _read(answer: str) -> Mapping[str, Any]:
    if len(answer) > ANSWER_MOST:
        raise ValueError("longer than any answer is")
    found = orjson.loads(answer)
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found


def _is_plain(key: Mapping[Any, Any]) -> bool:
    """Whether a verifier can read it: or who signs could make an agreement that HQ seals and everybody refuses."""
    numbers = [key.get(-2), key.get(-3)]
    known = len(key) == 5 and all(type(key.get(name)) is int and key[name] == value for name, value in _P256.items())
    return known and all(isinstance(one, bytes) and len(one) == 32 for one in numbers)


def _read_plainly(client_data: bytes) -> None:
    """As verifiers do: UTF-8, no name twice, and nothing but texts and truths. Raises ValueError."""
    pairs: list[tuple[str, Any]] = json.loads(client_data.decode(), object_pairs_hook=list)
    if len(dict(pairs)) < len(pairs) or not all(isinstance(value, str | bool) for _, value in pairs):
        raise ValueError("not as a browser writes it")
