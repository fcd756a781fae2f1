"""The identity provider of the tests: its honest answers are taken, its faults are real ones.

Judged by python3-saml as it stands. What it lets through is for HQ itself to refuse.
"""

import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from html import unescape
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from cryptography import x509
from lxml import etree
from onelogin.saml2.authn_request import OneLogin_Saml2_Authn_Request
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_ValidationError as Refusal
from onelogin.saml2.xmlparser import DTDForbidden

from tests.idp.saml import FAULTS, NAME_ID, SamlIdp, SigningKey
from tests.idp.saml_messages import read_request
from tests.idp.saml_signing import WheelBackend
from tests.idp.saml_site import serve
from tests.idp.saml_wrapping import COVETED, DS, NAMES, POSITIONS

SP = "https://sp.example/metadata"
ACS = "https://sp.example/acs"
SSO = "https://idp.example/sso"
RECEIVED = {"https": "on", "http_host": "sp.example", "script_name": "/acs"}

ONE_ASSERTION = Refusal.WRONG_NUMBER_OF_ASSERTIONS
REFUSED = {
    "unsigned": Refusal.NO_SIGNED_ASSERTION,
    "stripped_signature": Refusal.NO_SIGNED_ASSERTION,
    "only_response_signed": Refusal.NO_SIGNED_ASSERTION,
    "another_key": Refusal.INVALID_SIGNATURE,
    "changed_name_id": Refusal.INVALID_SIGNATURE,
    "changed_attribute": Refusal.INVALID_SIGNATURE,
    "added_group": Refusal.INVALID_SIGNATURE,
    **dict.fromkeys(POSITIONS, ONE_ASSERTION),
    "two_assertions": ONE_ASSERTION,
    "same_id_twice": Refusal.INVALID_XML_FORMAT,
    "plain_as_encrypted": ONE_ASSERTION,
    "wrong_issuer": Refusal.WRONG_ISSUER,
    "wrong_audience": Refusal.WRONG_AUDIENCE,
    "wrong_recipient": Refusal.WRONG_SUBJECTCONFIRMATION,
    "wrong_destination": Refusal.WRONG_DESTINATION,
    "expired": Refusal.ASSERTION_EXPIRED,
    "not_yet_valid": Refusal.ASSERTION_TOO_EARLY,
    "another_request": Refusal.WRONG_INRESPONSETO,
    "not_a_success": Refusal.STATUS_CODE_IS_NOT_SUCCESS,
}
UNREADABLE = {
    "doctype": DTDForbidden,
    "external_entity": DTDForbidden,
    "external_parameter": DTDForbidden,
    "entity_bomb": etree.XMLSyntaxError,
}
# Each with what shows that the fault is there.
LET_THROUGH = {
    "sha1": f"//ds:SignatureMethod/@Algorithm='{DS}rsa-sha1'",  # refused with rejectDeprecatedAlgorithm
    "sha1_digest": f"//ds:DigestMethod/@Algorithm='{DS}sha1'",  # likewise
    "no_audience": "not(//saml:Audience)",
    "recipient_around_ours": f"//@Recipient='https://other-sp.example/acs?next={ACS}'",  # ours may be anywhere in it
    "no_recipient": "not(//@Recipient)",
    "destination_beyond_ours": f"/*/@Destination='{ACS}.other-sp.example/acs'",  # only its beginning is looked at
    "no_destination": "not(/*/@Destination)",
    "never_expires": "not(//@NotOnOrAfter)",
    "idp_initiated": "not(//@InResponseTo)",
    "transient_name_id": "contains(//saml:NameID/@Format, ':transient')",
    "comment_in_name_id": f"//saml:NameID/text()[1]='{COVETED}'",  # the library reads all of it
    "comment_in_email": f"//saml:AttributeValue/text()[1]='{COVETED}'",  # likewise
    "oversize": "string-length(/) > 10 * 1024 * 1024",
}


@pytest.fixture
def idp():
    return SamlIdp.make()


@cache
def own_key():
    return SigningKey.make("sp.example", apart=True)


def settings(idp, **security):
    """With a key to decrypt with, so that nothing is refused for the want of one."""
    own = {"entityId": SP, "assertionConsumerService": {"url": ACS}, "privateKey": own_key().private_pem}
    theirs = OneLogin_Saml2_IdPMetadataParser.parse(idp.metadata(SSO))
    security = {"wantAssertionsSigned": True} | security
    return OneLogin_Saml2_Settings(theirs | {"strict": True, "sp": own, "security": security})


class Provider:
    """A service provider that trusts the metadata of `idp`, and has asked once."""

    def __init__(self, idp, **security):
        self.settings = settings(idp, **security)
        self.request = OneLogin_Saml2_Authn_Request(self.settings)
        self.asked = f"{SSO}?{urlencode({'SAMLRequest': self.request.get_request(), 'RelayState': 'back'})}"

    def take(self, response):
        taken = OneLogin_Saml2_Response(self.settings, response)
        taken.is_valid(RECEIVED, self.request.get_id(), raise_exceptions=True)
        return taken


def provider_for(idp, fault):
    """One that wants the part signed that the fault begins with, so that it is refused for the fault alone."""
    whole = POSITIONS.get(fault, ("assertion",))[0] == "response"
    return Provider(idp, wantAssertionsSigned=not whole, wantMessagesSigned=whole)


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_an_honest_answer_is_taken(idp, sign):
    sp = Provider(idp, wantAssertionsSigned=sign != "response", wantMessagesSigned=sign != "assertion")
    taken = sp.take(idp.respond(sp.asked, sign=sign, attributes={"email": ["ada@alder.example"], "groups": ["A", "B"]}))
    assert taken.get_nameid() == NAME_ID
    assert taken.get_attributes() == {"email": ["ada@alder.example"], "groups": ["A", "B"]}
    assert taken.get_in_response_to() == sp.request.get_id()


@pytest.mark.parametrize("fault", REFUSED)
def test_a_fault_is_refused_for_what_it_is(idp, fault):
    sp = provider_for(idp, fault)
    with pytest.raises(Refusal) as refused:
        sp.take(idp.respond(sp.asked, **FAULTS[fault]))
    assert refused.value.code == REFUSED[fault]


@pytest.mark.parametrize("fault", UNREADABLE)
def test_what_would_cost_or_leak_on_reading_is_not_read(idp, fault):
    sp = Provider(idp)
    with pytest.raises(UNREADABLE[fault]):
        sp.take(idp.respond(sp.asked, **FAULTS[fault]))


def shows(response, path):
    return etree.fromstring(b64decode(response)).xpath(path, namespaces=NAMES)


@pytest.mark.parametrize("fault", LET_THROUGH)
def test_the_library_leaves_this_to_us(idp, fault):
    sp = Provider(idp)
    response = idp.respond(sp.asked, **FAULTS[fault])
    taken = sp.take(response)
    assert COVETED not in {taken.get_nameid(), *taken.get_attributes()["email"]}
    assert (shows(response, LET_THROUGH[fault]), shows(idp.respond(sp.asked), LET_THROUGH[fault])) == (True, False)


def test_every_fault_is_judged():
    assert {*REFUSED, *UNREADABLE, *LET_THROUGH} == set(FAULTS)
    assert len(REFUSED) + len(UNREADABLE) + len(LET_THROUGH) == len(FAULTS)


@pytest.mark.parametrize("position", POSITIONS)
def test_wrapping_keeps_what_was_signed_and_shows_another(idp, position):
    sp = Provider(idp)
    root = etree.fromstring(b64decode(idp.respond(sp.asked, **FAULTS[position])))
    (signature,) = root.iter(f"{{{DS}}}Signature")
    (reference,) = signature.iter(f"{{{DS}}}Reference")
    signed = root.xpath("//*[@ID=$id]", id=reference.get("URI").removeprefix("#"))[-1]
    assert COVETED in {name.text for name in root.xpath("//saml:Assertion//saml:NameID", namespaces=NAMES)}
    if signature.getparent() is signed:
        signed.remove(signature)
    assert signed.xpath("string(.//saml:NameID)", namespaces=NAMES) == NAME_ID
    digest = sha256(etree.tostring(signed, method="c14n", exclusive=True)).digest()
    assert reference.findtext(f"{{{DS}}}DigestValue") == b64encode(digest).decode()


@pytest.mark.parametrize("key", [0, 1])
def test_after_a_rollover_either_key_is_taken(key):
    idp = SamlIdp.make()
    idp.add_key(not_after=datetime.now(UTC) + timedelta(days=5))
    sp = Provider(idp)
    assert sp.take(idp.respond(sp.asked, signer=idp.keys[key])).get_nameid() == NAME_ID


def test_metadata_names_certificates_with_the_dates_asked_for(idp):
    ends = datetime(2020, 1, 2, tzinfo=UTC)
    expired = SigningKey.make(not_before=ends - timedelta(days=1), not_after=ends)
    bodies = re.findall(r"X509Certificate>([^<]+)<", idp.metadata(SSO, keys=[expired, *idp.keys]))
    certificates = [x509.load_der_x509_certificate(b64decode(body)) for body in bodies]
    assert certificates[0].not_valid_after_utc == ends
    assert certificates[1].not_valid_after_utc > datetime.now(UTC)


def test_a_response_that_nobody_asked_for_names_no_request(idp):
    text = b64decode(idp.respond(sp_entity_id=SP, acs_url=ACS)).decode()
    assert "InResponseTo" not in text
    assert f'Destination="{ACS}"' in text


def test_the_wheel_checks_what_it_signed(idp):
    text = b64decode(idp.respond(sp_entity_id=SP, acs_url=ACS)).decode()
    (assertion,) = etree.fromstring(text).iterfind("saml:Assertion", NAMES)
    for key, holds in ((idp.keys[0], True), (SigningKey.make(), False)):
        assert WheelBackend().validate_signature(text, key.certificate_pem, "pem", "", assertion.get("ID")) is holds


def test_the_site_posts_the_answer_back(idp):
    sp = Provider(idp)
    with serve(idp, name_id="from-the-site") as site:
        with urlopen(f"{site.sso_url}?{sp.asked.partition('?')[2]}") as page:
            html = page.read().decode()
        with urlopen(f"{site.address}/metadata") as page:
            assert page.read().decode() == idp.metadata(site.sso_url)
    fields = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', html)}
    assert f'action="{ACS}"' in html
    assert fields["RelayState"] == "back"
    assert sp.take(fields["SAMLResponse"]).get_nameid() == "from-the-site"
    assert site.asked == [read_request(sp.request.get_request())]
