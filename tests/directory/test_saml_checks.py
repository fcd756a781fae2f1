"""What an assertion has to say, judged apart from its signature: only its own provider could have changed it so."""

from base64 import b64decode

import pytest
from lxml import etree

from directory.adapters.provider import AnswerRefused
from directory.adapters.saml_checks import Expected, check_assertion
from tests.idp.saml import SamlIdp
from tests.idp.saml_wrapping import duplicate, first

OURS = Expected(
    acs="https://sp.example/acs", audience="https://sp.example/metadata", issuer="https://idp.example/metadata"
)


def judged(change=lambda root: None):
    """The assertion alone, changed as only its own provider could."""
    answer = SamlIdp.make().respond(sp_entity_id=OURS.audience, acs_url=OURS.acs, in_response_to="asked")
    root = etree.fromstring(b64decode(answer))
    change(root)
    return check_assertion(root, OURS)


def test_an_assertion_says_each_thing_once():
    assert judged().request_id == "asked"
    for change in (
        lambda root: duplicate(first(root, "//saml:SubjectConfirmation")),
        lambda root: first(root, "//saml:SubjectConfirmation").set(
            "Method", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"
        ),
        lambda root: first(root, "//saml:Assertion/saml:Issuer").__setattr__("text", "https://other.example"),
        lambda root: duplicate(first(root, "//saml:AudienceRestriction"))[0].__setattr__(
            "text", "https://other.example"
        ),
        lambda root: first(root, "//saml:SubjectConfirmationData").set("InResponseTo", "another"),
        lambda root: first(root, "//saml:SubjectConfirmationData").attrib.pop("InResponseTo"),
        lambda root: root.attrib.pop("InResponseTo"),
    ):
        with pytest.raises(AnswerRefused):
            judged(change)
