"""What an identity provider signs with: an RSA key and the certificate that its metadata names."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

# Making a key takes long, so a few go round: no test has as many as these at once.
AT_ONCE = 8
_turns = count()


@cache
def _private(turn: int | str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class SigningKey:
    private_pem: str
    certificate_pem: str

    @classmethod
    def make(
        cls,
        name: str = "idp.example",
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        apart: bool = False,
    ) -> "SigningKey":
        """A key, with a certificate that was good since yesterday and is so for a year unless told otherwise.

        Another key than the last ones had; `apart`: than any has that was not made `apart` under the same name.
        """
        now = datetime.now(UTC)
        key = _private(name if apart else next(_turns) % AT_ONCE)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or now - timedelta(days=1))
            .not_valid_after(not_after or now + timedelta(days=365))
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return cls(private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode())

    @property
    def certificate_body(self) -> str:
        """The certificate as metadata and signatures hold it: base64 without its first and last line."""
        return "".join(self.certificate_pem.splitlines()[1:-1])
