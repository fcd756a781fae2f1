"""What a SAML response says, and the request that it answers."""

import zlib
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

from saml2 import saml, samlp
from saml2.s_utils import sid

ATTRIBUTES: Final[Mapping[str, Sequence[str]]] = {
    "email": ["ines@alder.example"],
    "firstName": ["Ines"],
    "lastName": ["Alder"],
    "groups": ["Engineering"],
}
NAME_ID: Final = "5d1f0a3c-ines"
PASSWORD: Final = saml.AUTHN_PASSWORD_PROTECTED
MULTI_FACTOR: Final = "https://refeds.org/profile/mfa"


@dataclass(frozen=True)
class Asked:
    """An AuthnRequest, as far as an identity provider looks at it."""

    id: str
    issuer: str
    acs_url: str | None
    destination: str | None
    name_id_format: str | None
    force_authn: bool
    relay_state: str | None


def read_request(text: str) -> Asked:
    """The request in an address that a browser was sent to, or in a SAMLRequest alone, of either binding."""
    relay_state = None
    if "SAMLRequest=" in text:
        query = parse_qs(urlsplit(text).query or text)
        relay_state = query.get("RelayState", [None])[0]
        text = query["SAMLRequest"][0]
    raw = b64decode(text)
    message = samlp.authn_request_from_string(raw if raw.startswith(b"<") else zlib.decompress(raw, -15))
    if message is None:
        raise ValueError("This is no AuthnRequest.")
    policy = message.name_id_policy
    return Asked(
        id=message.id,
        issuer=message.issuer.text.strip(),
        acs_url=message.assertion_consumer_service_url,
        destination=message.destination,
        name_id_format=policy.format if policy else None,
        force_authn=message.force_authn in {"true", "1"},
        relay_state=relay_state,
    )


@dataclass(frozen=True, kw_only=True)
class Statement:
    """All that a response says. None leaves a part out."""

    issuer: str
    audience: str | None
    recipient: str | None
    destination: str | None
    in_response_to: str | None
    name_id: str
    name_id_format: str
    attributes: Mapping[str, Sequence[str]]
    authn_context: str
    at: datetime
    not_before: timedelta | None
    not_on_or_after: timedelta | None
    status: str

    def moment(self, after: timedelta | None = timedelta()) -> str | None:
        return None if after is None else (self.at + after).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def assertion_of(said: Statement) -> saml.Assertion:
    confirmation = saml.SubjectConfirmation(
        method=saml.SCM_BEARER,
        subject_confirmation_data=saml.SubjectConfirmationData(
            recipient=said.recipient,
            in_response_to=said.in_response_to,
            not_on_or_after=said.moment(said.not_on_or_after),
        ),
    )
    audience = [saml.AudienceRestriction(audience=[saml.Audience(text=said.audience)])] if said.audience else []
    return saml.Assertion(
        id=sid(),
        version="2.0",
        issue_instant=said.moment(),
        issuer=saml.Issuer(text=said.issuer),
        subject=saml.Subject(
            name_id=saml.NameID(text=said.name_id, format=said.name_id_format), subject_confirmation=[confirmation]
        ),
        conditions=saml.Conditions(
            not_before=said.moment(said.not_before),
            not_on_or_after=said.moment(said.not_on_or_after),
            audience_restriction=audience,
        ),
        authn_statement=[
            saml.AuthnStatement(
                authn_instant=said.moment(),
                session_index=sid(),
                authn_context=saml.AuthnContext(
                    authn_context_class_ref=saml.AuthnContextClassRef(text=said.authn_context)
                ),
            )
        ],
        attribute_statement=[saml.AttributeStatement(attribute=_attributes(said.attributes))]
        if said.attributes
        else [],
    )


def _attributes(given: Mapping[str, Sequence[str]]) -> list[saml.Attribute]:
    return [
        saml.Attribute(
            name=name,
            name_format=saml.NAME_FORMAT_BASIC,
            attribute_value=[saml.AttributeValue(text=value) for value in values],
        )
        for name, values in given.items()
    ]


def response_of(said: Statement, assertions: Sequence[saml.Assertion]) -> samlp.Response:
    return samlp.Response(
        id=sid(),
        version="2.0",
        issue_instant=said.moment(),
        destination=said.destination,
        in_response_to=said.in_response_to,
        issuer=saml.Issuer(text=said.issuer),
        status=samlp.Status(status_code=samlp.StatusCode(value=said.status)),
        assertion=list(assertions),
    )
