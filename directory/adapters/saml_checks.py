"""What python3-saml lets through although it must not count (seen in trials; each has a test)."""

from dataclasses import asdict, dataclass
from time import time
from typing import Any, Final

from lxml import etree
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.utils import OneLogin_Saml2_Utils, OneLogin_Saml2_ValidationError

from directory.actions.admission import Identity
from directory.adapters.provider import AnswerRefused

NAMES: Final = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
BY_ADDRESS: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
DRIFT: Final = 300  # seconds between our clock and theirs, as python3-saml has it
LONGEST: Final = 86_400  # an assertion is remembered for as long as it is good

_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
SIGNATURES: Final = {f"{_MORE}{kind}-sha{bits}" for kind in ("rsa", "ecdsa") for bits in (256, 384, 512)}
DIGESTS: Final = {
    "http://www.w3.org/2001/04/xmlenc#sha256",
    f"{_MORE}sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
}
CANONICAL: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
TRANSFORMS: Final = {f"{NAMES['ds']}enveloped-signature", CANONICAL}

# How providers say that they asked for a second factor.
MULTI_FACTOR: Final = {"https://refeds.org/profile/mfa", "http://schemas.microsoft.com/claims/multipleauthn"}
HOW_THEY_CAME: Final = "http://schemas.microsoft.com/claims/authnmethodsreferences"

MOST_VALUES: Final = 500


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer to us names."""

    acs: str
    audience: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The assertion's own name, the request that it answers, how long it must be remembered."""

    id: str
    request_id: str
    seconds: int


def _all(node: Any, path: str) -> list[Any]:
    return list(node.xpath(path, namespaces=NAMES))


def _refuse(reason: str) -> None:
    raise AnswerRefused(reason)


def check_algorithms(document: etree._Element) -> None:
    """Only what is listed here is worked with, before any signature is: a transform is a program of the sender's."""
    for signature in _all(document, "//ds:Signature"):
        if len(_all(signature, "./ds:SignedInfo/ds:Reference")) != 1:
            _refuse("A signature does not cover exactly one part.")
        for path, allowed in (
            ("./ds:SignedInfo/ds:SignatureMethod", SIGNATURES),
            (".//ds:DigestMethod", DIGESTS),
            ("./ds:SignedInfo/ds:CanonicalizationMethod", {CANONICAL}),
            (".//ds:Transform", TRANSFORMS),
        ):
            found = {node.get("Algorithm") for node in _all(signature, path)}
            if not found or found - allowed:
                _refuse(f"The signature uses {', '.join(sorted(map(str, found)))}, which is not accepted.")


def check_assertion(document: etree._Element, ours: Expected) -> Checked:
    """Check what the signed assertion must say, and the response around it, which may be unsigned, besides."""
    if document.get("Destination") != ours.acs:
        _refuse("The response is not addressed to HQ: its Destination is missing or another.")
    assertion = _all(document, "/samlp:Response/saml:Assertion")[0]
    if [node.text for node in _all(assertion, "./saml:Issuer")] != [ours.issuer]:
        _refuse("The assertion is of another issuer.")
    restrictions = _all(assertion, "./saml:Conditions/saml:AudienceRestriction")
    audiences = [{node.text for node in _all(one, "./saml:Audience")} for one in restrictions]
    if not audiences or not all(ours.audience in named for named in audiences):
        _refuse("The assertion is not for HQ: its Audience is missing or another.")
    confirmation = _confirmation(assertion, ours)
    request_id = confirmation.get("InResponseTo")
    if not request_id or document.get("InResponseTo") != request_id:
        _refuse("Nobody asked for this response: InResponseTo is missing or differs. Start at HQ.")
    ends: int = OneLogin_Saml2_Utils.parse_SAML_to_time(confirmation.get("NotOnOrAfter"))  # it has read it before
    left = ends + DRIFT - int(time())
    if left > LONGEST:
        _refuse("The assertion is good for more than a day.")
    return Checked(assertion.get("ID"), request_id, left + 1)


def _confirmation(assertion: etree._Element, ours: Expected) -> etree._Element:
    """The one bearer confirmation. With a second one it would be open which of the two counts."""
    path = f"./saml:Subject/saml:SubjectConfirmation[@Method='{BEARER}']/saml:SubjectConfirmationData"
    found = _all(assertion, path)
    if len(found) != 1:
        _refuse("The assertion does not have exactly one bearer confirmation.")
    if found[0].get("Recipient") != ours.acs:
        _refuse("The assertion is not addressed to HQ: its Recipient is missing or another.")
    if not found[0].get("NotOnOrAfter"):
        _refuse("The assertion never expires.")
    return found[0]


def identify(answer: OneLogin_Saml2_Response, names: dict[str, str]) -> dict[str, Any]:
    """Who the assertion speaks of, as the fields of an Identity. `names` says which attribute is what."""
    try:
        said, name_id = _texts(answer.get_attributes()), answer.get_nameid_data()
    except OneLogin_Saml2_ValidationError as error:
        raise AnswerRefused(str(error)) from error
    contexts = set(answer.get_authn_contexts()) | set(said.get(HOW_THEY_CAME, []))
    identity = Identity(
        uid=_uid(said, name_id, names),
        email=_email(said, name_id, names),
        name=_name(said, names),
        groups=frozenset(said.get(names.get("groups", ""), [])),
        mfa=bool(contexts & MULTI_FACTOR),
        seen={"NameID": [name_id["Value"]], "AuthnContext": sorted(map(str, answer.get_authn_contexts()))} | said,
    )
    return asdict(identity) | {"groups": sorted(identity.groups)}


def _texts(attributes: dict[str, list[Any]]) -> dict[str, list[str]]:
    """Values that are text. Too many are refused, not cut: who lost a group would lose its role."""
    if sum(map(len, attributes.values())) > MOST_VALUES:
        _refuse("The assertion has too many attributes.")
    return {name: [value for value in values if isinstance(value, str)] for name, values in attributes.items()}


def _one(said: dict[str, list[str]], name: str) -> str:
    values = set(said.get(name, []))
    if len(values) > 1:
        _refuse(f"The attribute {name} has several values; which one counts is not to be guessed.")
    return next(iter(values), "")


def _uid(said: dict[str, list[str]], name_id: dict[str, str], names: dict[str, str]) -> str:
    """The attribute that was chosen for it, else the NameID, unless that is another one at each sign-in."""
    if chosen := names.get("uid"):
        return _one(said, chosen)
    if name_id.get("Format") == TRANSIENT:
        _refuse("The NameID is transient. Let the provider send a persistent one, or name an attribute for it.")
    return name_id["Value"]


def _email(said: dict[str, list[str]], name_id: dict[str, str], names: dict[str, str]) -> str:
    if chosen := names.get("email"):
        return _one(said, chosen)
    return name_id["Value"] if name_id.get("Format") == BY_ADDRESS else ""


def _name(said: dict[str, list[str]], names: dict[str, str]) -> str:
    if whole := _one(said, names.get("name", "")):
        return whole
    return f"{_one(said, names.get('first_name', ''))} {_one(said, names.get('last_name', ''))}".strip()
