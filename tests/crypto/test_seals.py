"""Keys and certificates of seals: what the root vouches for, for how long, and what a name can do."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hq.crypto import seals
from hq.crypto.seals import (
    BadSeal,
    KeyAndCertificate,
    check_chain,
    make_root,
    make_seal_key,
    plain_name,
    read_seal,
    sign,
)

AT = datetime(2026, 11, 22, 5, 9, 7, 123, tzinfo=UTC)
YEAR = timedelta(days=365)
ORGANIZATION = UUID(int=7)
ROOT = make_root(AT)
SEAL = make_seal_key(ROOT, "Alder Peak", ORGANIZATION, AT)


def certificate(of: KeyAndCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(of.certificate_pem.encode())


def test_the_root_vouches_for_the_seal_and_says_whose_it_is():
    found = check_chain(SEAL.certificate_pem, ROOT.certificate_pem, AT)
    assert (found.name, found.organization_id) == ("Alder Peak", str(ORGANIZATION))
    assert found.expires_at - found.begins_at == 3 * YEAR
    assert read_seal(ROOT.certificate_pem).expires_at - AT.replace(microsecond=0) == 20 * YEAR
    assert found == read_seal(SEAL.certificate_pem)


def test_a_seal_signs_documents_and_a_root_signs_certificates_and_nothing_else():
    usage = [one.extensions.get_extension_for_class(x509.KeyUsage) for one in map(certificate, (SEAL, ROOT))]
    basics = [one.extensions.get_extension_for_class(x509.BasicConstraints) for one in map(certificate, (SEAL, ROOT))]
    assert all(one.critical for one in [*usage, *basics])
    seal, root = (one.value for one in usage)
    assert (seal.digital_signature, seal.content_commitment, seal.key_cert_sign) == (True, True, False)
    assert (root.digital_signature, root.content_commitment, root.key_cert_sign) == (False, False, True)
    assert [(one.value.ca, one.value.path_length) for one in basics] == [(False, None), (True, 0)]


def test_what_it_signs_holds_under_its_certificate_alone():
    signature = sign(SEAL.key_pem, b"hello")
    seals.verify(SEAL.certificate_pem, b"hello", signature)
    for pem, message in ((SEAL.certificate_pem, b"hallo"), (ROOT.certificate_pem, b"hello")):
        with pytest.raises(BadSeal):
            seals.verify(pem, message, signature)


def test_two_roots_have_two_names():
    assert certificate(ROOT).subject != certificate(make_root(AT)).subject


def test_no_seal_lives_longer_than_its_root():
    late = AT + 18 * YEAR
    found = make_seal_key(ROOT, "Alder Peak", ORGANIZATION, late)
    assert read_seal(found.certificate_pem).expires_at == read_seal(ROOT.certificate_pem).expires_at
    with pytest.raises(BadSeal, match="not valid at that time"):
        make_seal_key(ROOT, "Alder Peak", ORGANIZATION, AT + 21 * YEAR)


@pytest.mark.parametrize(
    ("pem", "root_pem", "at", "why"),
    [
        (SEAL.certificate_pem, make_root(AT).certificate_pem, AT, "not issued by this root"),
        (SEAL.certificate_pem, SEAL.certificate_pem, AT, "no root of seals"),
        (ROOT.certificate_pem, ROOT.certificate_pem, AT, "not one of a seal"),
        (SEAL.certificate_pem, ROOT.certificate_pem, AT + 4 * YEAR, "seal is not valid at that time"),
        (SEAL.certificate_pem, ROOT.certificate_pem, AT - YEAR, "root is not valid at that time"),
        ("hello", ROOT.certificate_pem, AT, "cannot be read"),
    ],
)
def test_what_the_root_does_not_vouch_for_is_refused(pem, root_pem, at, why):
    with pytest.raises(BadSeal, match=why):
        check_chain(pem, root_pem, at)


def pem_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (pem_of(ec.generate_private_key(ec.SECP384R1())), "none on P-256"),
        (pem_of(rsa.generate_private_key(65537, 2048)), "none on P-256"),
        (ROOT.certificate_pem, "cannot be read"),
        (SEAL.key_pem, "not the one in its certificate"),
    ],
)
def test_a_key_of_another_kind_or_another_s_makes_no_seal(pem, why):
    with pytest.raises(BadSeal, match=why):
        make_seal_key(KeyAndCertificate(pem, ROOT.certificate_pem), "Alder Peak", ORGANIZATION, AT)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Alder\nPeak", "Alder Peak"),
        ("  Söhne   & Töchter 东京 ", "Söhne & Töchter 东京"),
        ("abc\u202edef\u200bghi\x00", "abc def ghi"),
        ("Alder 🗝 Peak", "Alder Peak"),
        ("x" * 200, "x" * 64),
        ("y" * 63 + " z", "y" * 63),
        ("Общество с ограниченной ответственностью", "Общество с ограниченной ответстве"),
        ("株式会社" * 8, "株式会社" * 5 + "株"),
        ("CN=other,O=evil", "CN=other,O=evil"),
    ],
)
def test_a_name_that_people_chose_stands_there_as_a_name(name, told):
    assert plain_name(name) == told
    subject = certificate(make_seal_key(ROOT, name, ORGANIZATION, AT)).subject
    assert [one.value for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [told]
    assert len(list(subject)) == 2


def test_an_organization_without_any_name_is_called_by_its_id():
    found = read_seal(make_seal_key(ROOT, "\u202e\u200b", ORGANIZATION, AT).certificate_pem)
    assert found.name == found.organization_id == str(ORGANIZATION)


def test_the_key_is_not_shown_where_the_pair_is():
    assert "PRIVATE" in SEAL.key_pem
    assert "PRIVATE" not in repr(SEAL)
