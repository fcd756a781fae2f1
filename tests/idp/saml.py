"""A SAML 2.0 identity provider on pysaml2: its metadata, and its answers as a browser posts them.

idp = SamlIdp.make()
idp.metadata(sso_url)                                    what an administrator uploads
idp.respond(address, name_id=…, attributes=…)            an honest SAMLResponse
idp.respond(address, **FAULTS["wrong_audience"])         one with exactly one fault
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from lxml import etree
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, md, saml, samlp, xmldsig

from tests.idp.saml_faults import FAULTS
from tests.idp.saml_keys import SigningKey
from tests.idp.saml_messages import (
    ATTRIBUTES,
    MULTI_FACTOR,
    NAME_ID,
    PASSWORD,
    Asked,
    Statement,
    assertion_of,
    read_request,
    response_of,
)
from tests.idp.saml_signing import sign as signed
from tests.idp.saml_wrapping import Change

__all__ = ["ATTRIBUTES", "FAULTS", "MULTI_FACTOR", "NAME_ID", "PASSWORD", "Asked", "SamlIdp", "SigningKey"]

AS_ASKED: Final = "(as asked)"
ENTITY_ID: Final = "https://idp.example/metadata"


@cache
def stranger() -> SigningKey:
    """A key that no metadata names."""
    return SigningKey.make("stranger.example", apart=True)


@dataclass
class SamlIdp:
    """The first key signs unless another is chosen; metadata names the certificates of all."""

    entity_id: str
    keys: list[SigningKey] = field(default_factory=list)

    @classmethod
    def make(
        cls, entity_id: str = ENTITY_ID, *, not_before: datetime | None = None, not_after: datetime | None = None
    ) -> "SamlIdp":
        """One with a key of its own; its certificate is good now unless told otherwise."""
        return cls(entity_id, [SigningKey.make(not_before=not_before, not_after=not_after)])

    def add_key(self, *, not_before: datetime | None = None, not_after: datetime | None = None) -> SigningKey:
        """A further key for a rollover. It signs only when `respond` is told so."""
        key = SigningKey.make(not_before=not_before, not_after=not_after)
        self.keys.append(key)
        return key

    def metadata(self, sso_url: str, *, keys: Sequence[SigningKey] | None = None) -> str:
        """The IdP's metadata, with a signing certificate for each key."""
        return str(
            md.EntityDescriptor(
                entity_id=self.entity_id,
                idpsso_descriptor=[
                    md.IDPSSODescriptor(
                        protocol_support_enumeration=samlp.NAMESPACE,
                        want_authn_requests_signed="false",
                        key_descriptor=[_key_descriptor(key) for key in keys or self.keys],
                        name_id_format=[md.NameIDFormat(text=saml.NAMEID_FORMAT_PERSISTENT)],
                        single_sign_on_service=[
                            md.SingleSignOnService(binding=binding, location=sso_url)
                            for binding in (BINDING_HTTP_REDIRECT, BINDING_HTTP_POST)
                        ],
                    )
                ],
            )
            .to_string()
            .decode()
        )

    def respond(
        self,
        asked: str | None = None,
        *,
        name_id: str = NAME_ID,
        name_id_format: str = saml.NAMEID_FORMAT_PERSISTENT,
        attributes: Mapping[str, Sequence[str]] = ATTRIBUTES,
        sp_entity_id: str | None = None,
        acs_url: str | None = None,
        authn_context: str = PASSWORD,
        at: datetime | None = None,
        sign: str = "assertion",
        algorithm: str = "sha256",
        signer: SigningKey | None = None,
        foreign_key: bool = False,
        issuer: str | None = None,
        audience: str | None = AS_ASKED,
        recipient: str | None = AS_ASKED,
        destination: str | None = AS_ASKED,
        in_response_to: str | None = AS_ASKED,
        not_before: timedelta | None = timedelta(minutes=-1),
        not_on_or_after: timedelta | None = timedelta(minutes=5),
        status: str = samlp.STATUS_SUCCESS,
        second_name_id: str | None = None,
        after: Change | None = None,
    ) -> str:
        """The SAMLResponse to post: an answer to `asked`, the address a browser was sent to or a SAMLRequest alone.

        Without `asked` nobody asked (IdP-initiated): then name the service provider and its ACS. `sign` is one of
        assertion, response, both, nothing. `after` changes the finished response. None leaves a part out.
        """
        request = read_request(asked) if asked is not None else None
        acs_url = acs_url or (request.acs_url if request else None)
        sp_entity_id = sp_entity_id or (request.issuer if request else None)
        if acs_url is None or sp_entity_id is None:
            raise ValueError("Name the service provider and its ACS: the request does not, or there is none.")

        def chosen(given: str | None, honest: str | None) -> str | None:
            return honest if given == AS_ASKED else given and given.replace("{acs_url}", acs_url)

        said = Statement(
            issuer=issuer or self.entity_id,
            audience=chosen(audience, sp_entity_id),
            recipient=chosen(recipient, acs_url),
            destination=chosen(destination, acs_url),
            in_response_to=chosen(in_response_to, request.id if request else None),
            name_id=name_id,
            name_id_format=name_id_format,
            attributes=attributes,
            authn_context=authn_context,
            at=at or datetime.now(UTC),
            not_before=not_before,
            not_on_or_after=not_on_or_after,
            status=status,
        )
        names = [name_id, second_name_id] if second_name_id is not None else [name_id]
        assertions = [assertion_of(replace(said, name_id=name)) for name in names]
        key = stranger() if foreign_key else signer or self.keys[0]
        text = signed(response_of(said, assertions), key, parts=sign, algorithm=algorithm).encode()
        return b64encode(after(etree.fromstring(text)) if after else text).decode()


def _key_descriptor(key: SigningKey) -> md.KeyDescriptor:
    certificate = xmldsig.X509Data(x509_certificate=[xmldsig.X509Certificate(text=key.certificate_body)])
    return md.KeyDescriptor(use="signing", key_info=xmldsig.KeyInfo(x509_data=[certificate]))
