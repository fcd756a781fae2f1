"""Seals and timestamps that do not hold though every byte is as it was made, and PDFs that are made to hurt."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from asn1crypto import cms, pem, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko_certvalidator.registry import SimpleCertificateStore

from hq.crypto import seals
from hq.crypto.seals import KeyAndCertificate
from signing.seals import pades
from tests.signing.seals import authority
from tests.signing.seals.papers import EVIDENCE
from tests.verify import agreements
from tests.verify.agreements import AT, Bundle, root, sealed_pdf
from tests.verify.program import VERIFY
from tests.verify.samples import ORGANIZATION

PAPER = agreements.paper(EVIDENCE)
YEARS = timedelta(days=365)


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """HQ seals under any certificate."""
    monkeypatch.setattr(seals, "check_chain", lambda *_: None)
    return monkeypatch


def refusal(pdf: bytes) -> str:
    with pytest.raises(VERIFY.Refused) as refused:
        VERIFY.open_pdf(pdf)
    return str(refused.value)


def usage(**allowed: bool) -> x509.KeyUsage:
    names = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    names += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})


def certified(by: KeyAndCertificate | None, ca: bool, length: int | None, **allowed: bool) -> KeyAndCertificate:
    """A key with a certificate of any kind; without `by` it vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    number = x509.NameAttribute(NameOID.SERIAL_NUMBER, ORGANIZATION["id"])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Made up"), number])
    issuer, issuer_key = name, key
    if by:
        issuer = x509.load_pem_x509_certificate(by.certificate_pem.encode()).subject
        issuer_key = seals._private(by.key_pem)
    made = x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number(), AT - YEARS, AT + YEARS)
    made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=length), critical=True)
    made = made.add_extension(usage(**allowed), critical=True)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return KeyAndCertificate(private, made.sign(issuer_key, SHA256()).public_bytes(Encoding.PEM).decode())


SEALING = {"digital_signature": True, "content_commitment": True}
CERTIFYING = {"key_cert_sign": True, "crl_sign": True}


def below(above: KeyAndCertificate, **change: Any) -> bytes:
    key = certified(above, ca=False, length=None, **SEALING)
    return sealed_pdf(PAPER, **({"key": key, "root_pem": above.certificate_pem} | change)).pdf


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: below(certified(None, ca=True, length=0, **CERTIFYING)), None),
        (lambda: below(certified(None, ca=False, length=None, **CERTIFYING)), "root's certificate is none of a root"),
        (lambda: below(certified(None, ca=True, length=1, **CERTIFYING)), "root's certificate is none of a root"),
        (lambda: below(certified(None, ca=True, length=0, **SEALING)), "root's certificate is none of a root"),
        (lambda: below(certified(root(), ca=True, length=0, **CERTIFYING)), "root's certificate was changed"),
        (lambda: below(root(), root_pem=seals.make_root(AT).certificate_pem), "was not issued by the root"),
        (
            lambda: below(root(), key=certified(root(), ca=True, length=0, **SEALING)),
            "seal's certificate is none of a seal",
        ),
        (
            lambda: below(root(), key=certified(root(), ca=False, length=None, **SEALING, **CERTIFYING)),
            "seal's certificate is none of a seal",
        ),
        (lambda: below(root(), at=AT + 2 * YEARS), "2028-11-21T05:09:00Z, when its certificates were not valid"),
        (lambda: below(root(), at=AT - 2 * YEARS), "when its certificates were not valid"),
        (lambda: sealed_pdf(PAPER, key=root()).pdf, "other certificates than that of the seal"),
    ],
)
def test_a_seal_is_only_one_under_the_certificates_of_one(make, why, unguarded):
    if why is None:
        assert VERIFY.open_pdf(make()).seal.organization == ORGANIZATION["id"]
    else:
        assert why in refusal(make())


def test_it_brings_no_further_certificate(unguarded):
    _, _, der = pem.unarmor(certified(None, ca=True, length=0, **CERTIFYING).certificate_pem.encode())
    plain = SimpleCertificateStore.from_certs

    def more(certificates: list[Any]) -> Any:
        return plain([*certificates, asn1.Certificate.load(der)])

    unguarded.setattr(SimpleCertificateStore, "from_certs", more)
    assert "other certificates than that of the seal" in refusal(sealed_pdf(PAPER).pdf)


Token = Any


def stamped(monkeypatch: pytest.MonkeyPatch, change: Any = lambda token: token, **how: Any) -> bytes:
    """Sealed with a token that was never looked at."""
    by = how.get("by") or authority.stamper()

    def token(signature: bytes, url: str) -> cms.ContentInfo:
        signed = how.get("over", lambda signature: signature)(signature)
        imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": VERIFY.hashlib.sha256(signed).digest()}
        asked = tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "cert_req": True})
        return change(by.request_tsa_response(asked)["time_stamp_token"])

    monkeypatch.setattr(pades, "timestamp_of", token)
    return sealed_pdf(PAPER, timestamp_url="x").pdf


def with_unsigned(token: Token) -> Token:
    (signer,) = token["content"]["signer_infos"]
    signer["unsigned_attrs"] = cms.CMSAttributes(
        [cms.CMSAttribute({"type": "signature_time_stamp_token", "values": [token.copy()]})]
    )
    return token


def broken_above() -> Any:
    """An authority below another one, that brings it along, but was not certified by it."""
    above = authority.stamper()
    by = authority.made(subject="Below it")
    by.certs_to_embed = [above.tsa_cert]
    return by


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({}, None),
        ({"over": lambda signature: signature + b"x"}, "its timestamp: It is over something else"),
        (
            {"by": authority.stamper(ExtendedKeyUsageOID.SERVER_AUTH)},
            "its timestamp: Its certificate is none of a timestamp authority",
        ),
        ({"change": with_unsigned}, "its timestamp: It is none"),
        ({"by": authority.made(at=AT - 4 * YEARS)}, "its timestamp: Its certificate was not valid at that time"),
        ({"by": broken_above()}, "its timestamp: One of its certificates does not hold"),
    ],
    ids=["right", "over another", "for servers", "something unsigned", "too late", "not certified"],
)
def test_a_timestamp_is_only_one_over_the_seal_by_an_authority(how, why, monkeypatch):
    pdf = stamped(monkeypatch, **how)
    if why is None:
        assert VERIFY.open_pdf(pdf).seal.stamped_by == authority.NAME
    else:
        assert why in refusal(pdf)


def test_a_bundle_with_a_timestamp_holds_and_says_whose_it_is(monkeypatch):
    stamped(monkeypatch)
    raw = Bundle(seal={"timestamp_url": "x"}).packed()
    trust = VERIFY.Trust(None)
    found = VERIFY.check_bundle(raw, trust)
    assert "  Timestamp of another: 2026-11-22T05:09:30Z" in found.told
    assert any(f'Whether its authority "{authority.NAME}" is to be trusted' in line for line in found.limits)
    assert not any("by the server's clock, that of the seal too" in line for line in found.limits)


def document(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of these objects, numbered from 1."""
    raw, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(raw))
        raw += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    table = b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(places) + 1, rows)
    return raw + table + b"trailer\n<< %b >>\nstartxref\n%d\n%%%%EOF\n" % (trailer, len(raw))


NO_PDF = "It is no PDF that can be read."
HURTFUL = {
    "nothing": (document(b"null"), NO_PDF),
    "encrypted": (document(b"<< >>", trailer=b"/Root 1 0 R /Encrypt 1 0 R"), "It is encrypted."),
    "no form": (document(b"<< >>"), "It is not sealed"),
    "length of itself": (document(b"<< /Length 1 0 R >>\nstream\nx\nendstream"), "nested more than 32 deep"),
    "reference to itself": (document(b"1 0 R"), "nested more than 32 deep"),
    "deep": (document(b"[" * 100 + b"]" * 100), "nested more than 32 deep"),
    "very deep": (document(b"<< /A " * 50_000), "nested more than 32 deep"),
    "a table that goes on in itself": (document(b"<< >>", trailer=b"/Root 1 0 R /Prev 40"), NO_PDF),
    "two tables in one": (document(b"<< >>", trailer=b"/Root 1 0 R /XRefStm 9"), NO_PDF),
    "a name twice": (document(b"<< /AcroForm 1 /AcroForm 2 >>"), NO_PDF),
    "an open string": (document(b"<< /A (" + b"(" * 50_000), NO_PDF),
    "an open name": (document(b"<< /A"), NO_PDF),
    "another word": (document(b"<< /A hello >>"), NO_PDF),
    "rows that are not there": (
        document(b"<< >>").replace(b"xref\n0 2", b"xref\n0 9999999999", 1),
        NO_PDF,
    ),
}


@pytest.mark.parametrize("name", HURTFUL)
def test_a_pdf_that_is_made_to_hurt_is_refused(name):
    raw, why = HURTFUL[name]
    assert why in refusal(raw)


LOOP = document(b"<< /Names << /EmbeddedFiles 2 0 R >> >>", b"<< /Kids [2 0 R] >>")
FILE = b"<< /Names << /EmbeddedFiles << /Names [(a) << /F (evidence.json) /EF << /F 2 0 R >> >>] >> >> >>"
OTHER_FILTER = document(FILE, b"<< /Length 1 /Filter /LZWDecode >>\nstream\nx\nendstream")
NO_STREAM = document(FILE, b"<< >>")
SHORT = document(FILE, b"<< /Length 9 >>\nstream\nx\nendstream")


@pytest.mark.parametrize(
    ("raw", "why"),
    [(LOOP, NO_PDF), (OTHER_FILTER, "packed in a way that is not known here"), (NO_STREAM, NO_PDF), (SHORT, NO_PDF)],
    ids=["loop", "other filter", "no stream", "short stream"],
)
def test_a_file_that_cannot_be_read_is_not_taken_for_evidence(raw, why):
    with pytest.raises(VERIFY.Refused, match=why):
        VERIFY.Pdf(raw).attached("evidence.json")


def test_digits_of_a_seal_count_wherever_they_are():
    pdf = sealed_pdf(PAPER).pdf
    begin = pdf.index(b"/Contents <") + 11
    end = begin + len(pdf[begin : pdf.index(b">", begin)].rstrip(b"0"))
    for at in range(begin, end, 7):
        other = b"%X" % (int(pdf[at : at + 1], 16) ^ 1 << at % 4)
        assert refusal(pdf[:at] + other + pdf[at + 1 :])


@pytest.mark.parametrize("curve", ["P256", "P384"])
def test_its_curves_are_those_of_the_library(curve):
    """Signatures that hold, none of which holds over anything else, or under a point beside the key."""
    ours, kind = getattr(VERIFY, curve), {"P256": ec.SECP256R1(), "P384": ec.SECP384R1()}[curve]
    for number in range(25):
        key = ec.generate_private_key(kind)
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        message = b"%d" % number
        digest = VERIFY.hashlib.sha256(message).digest()
        signature = key.sign(message, ec.ECDSA(SHA256()))
        assert VERIFY.ecdsa_holds(ours, point, digest, signature)
        assert not VERIFY.ecdsa_holds(ours, point, digest[::-1], signature)
        assert not VERIFY.ecdsa_holds(ours, point[:-1] + bytes([point[-1] ^ 1]), digest, signature)


def test_an_organization_is_who_the_steps_say():
    other = UUID(int=9)
    key = seals.make_seal_key(root(), "Alder Peak", other, AT)
    sealed = Bundle(seal={"key": key}).sealed().pdf
    with pytest.raises(VERIFY.Refused, match="sealed by another organization"):
        VERIFY.check_pdf(sealed, VERIFY.Trust(None))
