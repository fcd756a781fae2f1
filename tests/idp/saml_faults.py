"""What is wrong with a response, one thing at a time.

FAULTS holds arguments for `SamlIdp.respond`: what the provider itself says wrongly, and as `after` what somebody does
to its response on the way. A new fault needs one line there. Every fault leaves the rest as an honest response has it,
so a refusal has one reason only.
"""

from datetime import timedelta
from typing import Any, Final

from lxml import etree
from saml2 import saml, samlp

from tests.idp import saml_wrapping
from tests.idp.saml_messages import ATTRIBUTES
from tests.idp.saml_wrapping import COVETED, SAMLP, Change, duplicate, first, text_of

OWNED: Final = f"{COVETED}.evil.example"  # an address in a domain of the attacker's own
MIB: Final = 1024 * 1024


def changed_name_id(root: etree._Element) -> bytes:
    first(root, "//saml:NameID").text = COVETED
    return text_of(root)


def changed_attribute(root: etree._Element) -> bytes:
    first(root, "//saml:Attribute[@Name='email']/saml:AttributeValue").text = COVETED
    return text_of(root)


def added_group(root: etree._Element) -> bytes:
    value = first(root, "//saml:Attribute[@Name='groups']/saml:AttributeValue")
    duplicate(value).text = "Owners"
    return text_of(root)


def commented(path: str) -> Change:
    """A comment inside a signed value. The signature still holds: canonical form has no comments."""

    def change(root: etree._Element) -> bytes:
        element = first(root, path)
        comment = etree.Comment("")
        comment.tail = element.text.removeprefix(COVETED)
        element.text = COVETED
        element.append(comment)
        return text_of(root)

    return change


def declared(declarations: str, entity: str = "") -> Change:
    """A DOCTYPE before the response, its entity used where no signature reaches, so that only parsing is tried."""

    def change(root: etree._Element) -> bytes:
        status = first(root, "/samlp:Response/samlp:Status")
        etree.SubElement(status, f"{{{SAMLP}}}StatusMessage").text = "ENTITY"
        return f"<!DOCTYPE foo [{declarations}]>".encode() + text_of(root).replace(b"ENTITY", entity.encode())

    return change


def external_entity(address: str = "file:///etc/passwd") -> Change:
    """Also for an address of a server that counts who asks."""
    return declared(f'<!ENTITY xxe SYSTEM "{address}">', "&xxe;")


def external_parameter(address: str = "file:///etc/passwd") -> Change:
    """Loaded by parsing alone, without a use in the document."""
    return declared(f'<!ENTITY % xxe SYSTEM "{address}"> %xxe;')


def entity_bomb() -> Change:
    """A billion laughs."""
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return declared(f'<!ENTITY l0 "laugh">{levels}', "&l9;")


def plain_as_encrypted(root: etree._Element) -> bytes:
    """The assertion in the place of an encrypted one, without encryption."""
    assertion = first(root, "/samlp:Response/saml:Assertion")
    swapped = etree.Element(f"{{{saml.NAMESPACE}}}EncryptedAssertion")
    assertion.addprevious(swapped)
    swapped.append(assertion)
    return text_of(root)


def same_id_twice(root: etree._Element) -> bytes:
    """The response takes the signed assertion's ID."""
    root.set("ID", first(root, "/samlp:Response/saml:Assertion").get("ID"))
    return text_of(root)


def stripped(root: etree._Element) -> bytes:
    """The signature is taken out on the way."""
    signature = first(root, "//ds:Signature")
    signature.getparent().remove(signature)
    return text_of(root)


FAULTS: Final[dict[str, dict[str, Any]]] = {
    # signatures
    "unsigned": {"sign": "nothing"},
    "stripped_signature": {"after": stripped},
    "only_response_signed": {"sign": "response"},
    "sha1": {"algorithm": "sha1"},
    "sha1_digest": {"algorithm": "sha1_digest"},
    "another_key": {"foreign_key": True},
    "changed_name_id": {"after": changed_name_id},
    "changed_attribute": {"after": changed_attribute},
    "added_group": {"after": added_group},
    **{name: {"sign": sign, "after": change} for name, (sign, change) in saml_wrapping.POSITIONS.items()},
    "two_assertions": {"second_name_id": COVETED},
    "same_id_twice": {"after": same_id_twice},
    "plain_as_encrypted": {"after": plain_as_encrypted},
    # for whom, when, in answer to what
    "wrong_issuer": {"issuer": "https://other-idp.example/metadata"},
    "wrong_audience": {"audience": "https://other-sp.example/metadata"},
    "no_audience": {"audience": None},
    "wrong_recipient": {"recipient": "https://other-sp.example/acs"},
    "recipient_around_ours": {"recipient": "https://other-sp.example/acs?next={acs_url}"},
    "no_recipient": {"recipient": None},
    "wrong_destination": {"destination": "https://other-sp.example/acs"},
    "destination_beyond_ours": {"destination": "{acs_url}.other-sp.example/acs"},
    "no_destination": {"destination": None},
    "expired": {"not_before": timedelta(hours=-2), "not_on_or_after": timedelta(hours=-1)},
    "not_yet_valid": {"not_before": timedelta(hours=1), "not_on_or_after": timedelta(hours=2)},
    "never_expires": {"not_on_or_after": None},
    "idp_initiated": {"in_response_to": None},
    "another_request": {"in_response_to": "id-of-another-request"},
    "not_a_success": {"status": samlp.STATUS_AUTHN_FAILED},
    # who
    "transient_name_id": {"name_id_format": saml.NAMEID_FORMAT_TRANSIENT},
    "comment_in_name_id": {
        "name_id": OWNED,
        "name_id_format": saml.NAMEID_FORMAT_EMAILADDRESS,
        "after": commented("//saml:NameID"),
    },
    "comment_in_email": {
        "attributes": {**ATTRIBUTES, "email": [OWNED]},
        "after": commented("//saml:Attribute[@Name='email']/saml:AttributeValue"),
    },
    # what parsing costs
    "doctype": {"after": declared("")},
    "external_entity": {"after": external_entity()},
    "external_parameter": {"after": external_parameter()},
    "entity_bomb": {"after": entity_bomb()},
    "oversize": {"attributes": {**ATTRIBUTES, "padding": ["x" * MIB] * 10}},
}
