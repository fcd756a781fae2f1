"""What sealed PDFs are signed with: P-256 keys (FIPS 186-5) and their certificates (RFC 5280), in two floors.

    root    one for the deployment, signs nothing but certificates of seals (path length 0), 20 years
    seal    one for an organization, signs documents and nothing else (digitalSignature, nonRepudiation), 3 years

The subject of a seal's certificate has the organization's name, which people chose, as its common name and the
organization's id, which nobody chose, as its serial number. Whoever asks whose seal it is looks at the id. Nothing here
is vouched for by a public authority: who checks a seal has to know the root's fingerprint from elsewhere.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from stringprep import in_table_a1
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

ROOT_NAME: Final = "HQ root of seals"
MOST_NAME: Final = 64  # RFC 5280, ub-common-name; bytes of UTF-8, as some count the one and some the other
_DAY: Final = timedelta(days=1)
_ROOT_LIVES: Final = 20 * 365 * _DAY
_SEAL_LIVES: Final = 3 * 365 * _DAY


class BadSeal(ValueError):
    """This key or certificate is none that a document can be sealed with. The words say why."""


@dataclass(frozen=True, slots=True)
class KeyAndCertificate:
    """A private key (PKCS #8, not encrypted: keep it sealed) and its certificate, both in PEM."""

    key_pem: str = field(repr=False)
    certificate_pem: str


@dataclass(frozen=True, slots=True)
class SealCertificate:
    """What a certificate says. `fingerprint` is the SHA-256 of its DER in hexadecimal."""

    name: str
    organization_id: str
    begins_at: datetime
    expires_at: datetime
    fingerprint: str


def make_root(at: datetime) -> KeyAndCertificate:
    """Make the deployment's own root."""
    key = generate_private_key(SECP256R1())
    mark = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = _subject(ROOT_NAME, mark.digest.hex())  # or the roots of two deployments would have one name
    made = _begun(name, name, key.public_key(), at, _whole(at) + _ROOT_LIVES)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    return _kept(key, made.add_extension(mark, critical=False).sign(key, SHA256()))


def make_seal_key(
    root: KeyAndCertificate, organization_name: str, organization_id: UUID, at: datetime
) -> KeyAndCertificate:
    """Make a key for an organization, certified by the root; never for longer than the root itself.

    Raises:
        BadSeal: the root is none, is over, or the key given with it is another's.
    """
    issuer_key, issuer = _private(root.key_pem), _certificate(root.certificate_pem)
    if issuer.public_key() != issuer_key.public_key():
        raise BadSeal("The key of the root is not the one in its certificate.")
    _require_root(issuer)
    _require_time(issuer, at, "root")
    key = generate_private_key(SECP256R1())
    public = key.public_key()
    ends = min(_whole(at) + _SEAL_LIVES, issuer.not_valid_after_utc)
    subject = _subject(plain_name(organization_name) or str(organization_id), str(organization_id))
    made = _begun(subject, issuer.subject, public, at, ends)
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = made.add_extension(_usage(digital_signature=True, content_commitment=True), critical=True)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return _kept(key, made.add_extension(above, critical=False).sign(issuer_key, SHA256()))


def sign(key_pem: str, message: bytes) -> bytes:
    """Sign bytes: ECDSA with SHA-256, as DER (RFC 3279 section 2.2.3).

    Raises:
        BadSeal: this is no private key on P-256.
    """
    return _private(key_pem).sign(message, ECDSA(SHA256()))


def verify(certificate_pem: str, message: bytes, signature: bytes) -> None:
    """Return only if the certificate's key signed these bytes.

    Raises:
        BadSeal: it did not.
    """
    try:
        _public(_certificate(certificate_pem)).verify(signature, message, ECDSA(SHA256()))
    except InvalidSignature:
        raise BadSeal("The signature does not hold.") from None


def check_chain(certificate_pem: str, root_pem: str, at: datetime) -> SealCertificate:
    """Return what the certificate says, only if the root vouches for it and both are valid at that time.

    Raises:
        BadSeal: what is wrong.
    """
    found, root = _certificate(certificate_pem), _certificate(root_pem)
    _require_root(root)
    _require_time(root, at, "root")
    _require_time(found, at, "seal")
    constraints = found.extensions.get_extension_for_class(x509.BasicConstraints).value
    usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
    if constraints.ca or not (usage.digital_signature and usage.content_commitment) or usage.key_cert_sign:
        raise BadSeal("The certificate is not one of a seal.")
    _public(found)
    try:
        found.verify_directly_issued_by(root)
    except (InvalidSignature, ValueError, TypeError):
        raise BadSeal("The certificate was not issued by this root.") from None
    return read_seal(certificate_pem)


def read_seal(certificate_pem: str) -> SealCertificate:
    """Read a certificate of a seal, or of a root.

    Raises:
        BadSeal: it is none.
    """
    found = _certificate(certificate_pem)
    try:
        (name,) = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        (number,) = found.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    except ValueError:
        raise BadSeal("The certificate does not say whose it is.") from None
    return SealCertificate(
        name=str(name.value),
        organization_id=str(number.value),
        begins_at=found.not_valid_before_utc,
        expires_at=found.not_valid_after_utc,
        fingerprint=found.fingerprint(SHA256()).hex(),
    )


def certificate_der(pem: str) -> bytes:
    """The certificate as it stands in a signature.

    Raises:
        BadSeal: it is none.
    """
    return _certificate(pem).public_bytes(Encoding.DER)


def plain_name(name: str) -> str:
    """A name that people chose, as it can stand in a certificate.

    Nothing is left in it that moves or hides what is around it, nor what validators may refuse to compare names by:
    characters that Unicode 3.2 did not have (RFC 4518 section 2.2, RFC 3454 table A.1).
    """
    seen = "".join(letter if letter.isprintable() and not in_table_a1(letter) else " " for letter in name)
    return " ".join(seen.split()).encode()[:MOST_NAME].decode(errors="ignore").rstrip()


def _subject(name: str, number: str) -> x509.Name:
    parts = ((NameOID.COMMON_NAME, name), (NameOID.SERIAL_NUMBER, number))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts])


def _whole(at: datetime) -> datetime:
    """Certificates know no parts of a second."""
    if at.tzinfo is None:
        raise ValueError("The time of a certificate has a zone.")
    return at.replace(microsecond=0)


def _begun(
    subject: x509.Name, issuer: x509.Name, public: EllipticCurvePublicKey, at: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=public,
        serial_number=x509.random_serial_number(),
        not_valid_before=_whole(at),
        not_valid_after=ends,
    )


def _usage(**allowed: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
        " key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names.split()})


def _kept(key: EllipticCurvePrivateKey, certificate: x509.Certificate) -> KeyAndCertificate:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyAndCertificate(pem.decode("ascii"), certificate.public_bytes(Encoding.PEM).decode("ascii"))


def _private(pem: str) -> EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem.encode("ascii"), password=None)
    except (ValueError, TypeError):
        raise BadSeal("This cannot be read as a private key.") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise BadSeal("The key is none on P-256.")
    return key


def _certificate(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode("ascii"))
    except ValueError:
        raise BadSeal("This cannot be read as a certificate.") from None


def _public(certificate: x509.Certificate) -> EllipticCurvePublicKey:
    key = certificate.public_key()
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise BadSeal("The key is none on P-256.")
    return key


def _require_root(root: x509.Certificate) -> None:
    _public(root)
    try:
        constraints = root.extensions.get_extension_for_class(x509.BasicConstraints).value
        root.verify_directly_issued_by(root)
    except (x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError):
        raise BadSeal("This is no root of seals.") from None
    if not constraints.ca or constraints.path_length != 0:
        raise BadSeal("This is no root of seals.")


def _require_time(certificate: x509.Certificate, at: datetime, what: str) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise BadSeal(f"The certificate of the {what} is not valid at that time.")
