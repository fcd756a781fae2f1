"""SAML metadata of an identity provider: what is taken from it, and every way in which it can be wrong."""

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from directory.actions.metadata import (
    MOST_BYTES,
    NotMetadata,
    NotUsable,
    check_certificates,
    check_entity_id,
    check_sso_url,
    parse_metadata,
)
from hq.crypto.certificates import BadCertificate, read_certificate
from tests.idp.saml import ENTITY_ID, SamlIdp, SigningKey

SSO = "https://idp.example/sso"


@cache
def idp() -> SamlIdp:
    return SamlIdp.make()


@cache
def metadata() -> str:
    return idp().metadata(SSO)


def changed(old: str, new: str) -> bytes:
    assert old in metadata()
    return metadata().replace(old, new).encode()


def certificate(key, *, algorithm=SHA256, days: int = 365) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - timedelta(9)).not_valid_after(now + timedelta(days))
    return builder.sign(key, algorithm() if algorithm else None).public_bytes(Encoding.PEM).decode()


def test_it_takes_who_it_is_where_people_go_and_what_signs():
    found = parse_metadata(metadata().encode())
    assert (found.entity_id, found.sso_url) == (ENTITY_ID, SSO)
    assert [each.pem for each in found.certificates] == [idp().keys[0].certificate_pem]
    only = found.certificates[0]
    assert only.subject == "CN=idp.example"
    loaded = x509.load_pem_x509_certificate(only.pem.encode())
    assert (only.fingerprint, only.expires_at) == (loaded.fingerprint(SHA256()).hex(), loaded.not_valid_after_utc)


def test_it_finds_the_one_provider_in_a_list_of_entities():
    body = metadata()[metadata().index("<ns0:EntityDescriptor") :]
    service = '<md:EntityDescriptor entityID="https://sp.example"/>'
    opening = '<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">'
    listed = f"{opening}{service}{body}</md:EntitiesDescriptor>"
    assert parse_metadata(listed.encode()).entity_id == ENTITY_ID
    with pytest.raises(NotMetadata, match="lists 2 identity providers"):
        parse_metadata(f"{opening}{body}{body}</md:EntitiesDescriptor>".encode())
    with pytest.raises(NotMetadata, match="none of them is an identity provider"):
        parse_metadata(f"{opening}{service}</md:EntitiesDescriptor>".encode())


def test_it_takes_both_certificates_of_a_rollover_and_a_key_without_a_use():
    two = SamlIdp.make()
    two.add_key()
    text = two.metadata(SSO).replace(' use="signing"', "", 1)
    assert len(parse_metadata(text.encode()).certificates) == 2


def test_it_leaves_out_a_certificate_that_is_over_and_one_that_only_encrypts():
    over = SamlIdp.make(not_before=datetime.now(UTC) - timedelta(9), not_after=datetime.now(UTC) - timedelta(1))
    good = over.add_key()
    assert [each.pem for each in parse_metadata(over.metadata(SSO).encode()).certificates] == [good.certificate_pem]
    with pytest.raises(NotUsable, match="no certificate for signing"):
        parse_metadata(changed('use="signing"', 'use="encryption"'))


SECRET = "/etc/hostname"
ENTITY = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{SECRET}">]>'
BOMB = (
    '<!DOCTYPE a [<!ENTITY a "0123456789">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"  \n", "empty", id="blanks"),
        pytest.param(b"<!doctype html><title>Sign in</title>", "not XML", id="a page"),
        pytest.param(b"<a><b></a>", "not XML", id="broken"),
        pytest.param(b"{}", "not XML", id="JSON"),
        pytest.param(b"<EntityDescriptor/>", "not the metadata of", id="another language"),
        pytest.param(b"<a>" + b" " * MOST_BYTES + b"</a>", "at most 256 KiB", id="large"),
        pytest.param(f"{ENTITY}<a>&x;</a>".encode(), "document type", id="an external entity"),
        pytest.param(f'{ENTITY}<a b="&x;"/>'.encode(), "not XML", id="an external entity in an attribute"),
        pytest.param(f"{BOMB}<a>&j;</a>".encode(), "document type|not XML", id="an entity bomb"),
        pytest.param(b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a/>', "document type", id="an external DTD"),
        pytest.param(f'<?xml version="1.0" encoding="UTF-16"?>{ENTITY}<a/>'.encode("utf-16"), "document", id="UTF-16"),
    ],
)
def test_it_refuses_what_is_no_metadata(document, sentence):
    with pytest.raises(NotMetadata, match=sentence):
        parse_metadata(document)


IDP = "IDPSSODescriptor"


@pytest.mark.parametrize(
    ("old", "new", "problem", "sentence"),
    [
        (IDP, "SPSSODescriptor", NotMetadata, "service provider such as HQ"),
        (IDP, "AttributeAuthorityDescriptor", NotMetadata, "no identity provider"),
        ("SAML:2.0:protocol", "SAML:1.1:protocol", NotMetadata, "no identity provider that speaks SAML 2.0"),
        (f'entityID="{ENTITY_ID}"', 'entityID=" "', NotUsable, "entity ID is missing"),
        (f'entityID="{ENTITY_ID}"', 'entityID="two words"', NotUsable, "not an entity ID"),
        (SSO, "http://idp.example/sso", NotUsable, "begin with https"),
        (SSO, "javascript:alert(1)", NotUsable, "not an address that people"),
        (SSO, "https://user:pass@idp.example/", NotUsable, "not an address that people"),
        (SSO, "https://idp.example:bad/", NotUsable, "not an address that people"),
        ("HTTP-Redirect", "HTTP-Artifact", NotUsable, "no sign-on address for HTTP-Redirect"),
        ("SingleSignOnService", "SingleLogoutService", NotUsable, "names no sign-on address."),
        ("protocolSupport", 'validUntil="2020-01-01T00:00:00Z" protocolSupport', NotUsable, "good until 2020"),
        ("entityID", 'validUntil="soon" entityID', NotUsable, "cannot be read"),
        ("entityID", 'validUntil="2020-01-01T00:00:00Z" entityID', NotUsable, "Download it again"),
        ("X509Certificate>MII", "X509Certificate>!!!", NotUsable, "cannot be read as a certificate"),
    ],
)
def test_it_says_what_it_cannot_work_with(old, new, problem, sentence):
    with pytest.raises(problem, match=sentence):
        parse_metadata(changed(old, new))


def test_it_refuses_a_provider_that_stands_there_twice():
    text = metadata()
    begin, end = text.index("<ns0:IDPSSODescriptor"), text.index("</ns0:IDPSSODescriptor>") + 23
    with pytest.raises(NotMetadata, match="twice"):
        parse_metadata((text[:end] + text[begin:end] + text[end:]).encode())


def test_it_refuses_more_than_two_certificates():
    three = SamlIdp.make()
    three.add_key()
    three.add_key()
    with pytest.raises(NotUsable, match="3 certificates for signing, and HQ keeps two"):
        parse_metadata(three.metadata(SSO).encode())


def test_people_are_sent_over_plain_http_only_to_this_machine_and_only_where_that_is_allowed():
    here = "http://127.0.0.1:8080/sso"
    assert check_sso_url(here, plaintext_loopback=True) == here
    for url, allowed in ((here, False), ("http://idp.example/sso", True), ("ftp://127.0.0.1/", True)):
        with pytest.raises(NotUsable, match="https"):
            check_sso_url(url, plaintext_loopback=allowed)


@pytest.mark.parametrize("url", ["https://idp.example/a b", "https://idp.example/#x", "https:\\\\idp", "x" * 3000, ""])
def test_it_refuses_what_is_no_address(url):
    with pytest.raises(NotUsable):
        check_sso_url(url)


def test_an_entity_id_may_be_a_name_of_any_kind():
    assert check_entity_id(" urn:amazon:webservices ") == "urn:amazon:webservices"
    with pytest.raises(NotUsable):
        check_entity_id("x" * 1025)


# ---- certificates


def test_a_certificate_is_read_from_pem_or_from_its_body_into_one_spelling():
    key = idp().keys[0]
    loose = key.certificate_pem.replace("\n", "\r\n  ")
    spelled = {read_certificate(text).pem for text in (key.certificate_pem, key.certificate_body, loose)}
    assert spelled == {key.certificate_pem}


@pytest.mark.parametrize(
    ("key", "algorithm", "sentence"),
    [
        (lambda: rsa.generate_private_key(65537, 1024), SHA256, "1024 bits. 2048 is the least"),
        (lambda: ec.generate_private_key(ec.SECP192R1()), SHA256, "of a kind"),
        (Ed25519PrivateKey.generate, None, "of a kind"),
    ],
)
def test_a_key_that_is_too_weak_is_refused(key, algorithm, sentence):
    with pytest.raises(BadCertificate, match=sentence):
        read_certificate(certificate(key(), algorithm=algorithm))


def test_an_elliptic_curve_is_fine():
    assert read_certificate(certificate(ec.generate_private_key(ec.SECP256R1()))).subject == "CN=idp.example"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "cannot be read"),
        ("hello", "cannot be read"),
        ("-----BEGIN PUBLIC KEY-----\nMII=\n-----END PUBLIC KEY-----", "It begins with"),
        (lambda: SigningKey.make().private_pem, "private key"),
        (lambda: idp().keys[0].certificate_pem * 2, "more than one"),
        ("A" * 20_001, "too long"),
    ],
)
def test_what_is_no_certificate_is_named(text, sentence):
    with pytest.raises(BadCertificate, match=sentence):
        read_certificate(text if isinstance(text, str) else text())


def test_a_certificate_that_is_over_is_refused_where_it_is_the_only_one():
    with pytest.raises(NotUsable, match="expired on"):
        check_certificates([certificate(ec.generate_private_key(ec.SECP256R1()), days=-1)])


def test_the_same_certificate_twice_is_one():
    assert len(check_certificates([idp().keys[0].certificate_pem, idp().keys[0].certificate_body])) == 1
