"""Sealing a PDF: PAdES (ETSI EN 319 142-1), level B-B, or B-T with the timestamp of another.

The seal is an increment behind the document as it was (ISO 32000-2, 7.5.6), so nothing of it is written anew, and what
makes it PDF/A stays. It certifies the document and permits no change (DocMDP 1). pyHanko writes it; the key stays with
hq.crypto, which signs. Trouble with the timestamp lowers the level and is told: no agreement waits for a stranger.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final

from asn1crypto import cms, pem, x509
from asn1crypto.algos import SignedDigestAlgorithm
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import InvisSigSettings, MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.constants import ESIC_EXTENSION_1
from pyhanko.sign.signers.pdf_byterange import PdfSignedData, SignatureObject
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

from hq.crypto import seals
from hq.crypto.seals import BadSeal, KeyAndCertificate
from signing.seals.loops import finished
from signing.seals.timestamps import NoTimestamp, timestamp_of

FIELD: Final = "HQ seal"
ROOM_ALONE: Final = 4 * 1024  # bytes for a seal: two small certificates and a signature
ROOM_WITH_TIMESTAMP: Final = 20 * 1024
B_B, B_T = "B-B", "B-T"


class CannotSeal(ValueError):
    """This PDF cannot be sealed. The words say why."""


@dataclass(frozen=True, slots=True)
class SealedPdf:
    """A sealed PDF. `problem` says why the level is lower than was asked for; empty where it is not."""

    pdf: bytes
    level: str
    problem: str


class _Increment(IncrementalPdfFileWriter):
    """What is written behind a document. The metadata stay those of the document."""

    def _update_meta(self) -> None:
        """Change nothing. pyHanko would write XMP and Info anew, with the time by this machine's clock."""


class _HouseSigner(Signer):
    """A signer as pyHanko knows them, which asks hq.crypto for the signature."""

    def __init__(self, key: KeyAndCertificate, root_pem: str) -> None:
        store = SimpleCertificateStore.from_certs([_read(root_pem)])  # type: ignore[no-untyped-call]  # not told by the library
        super().__init__(
            signing_cert=_read(key.certificate_pem),
            cert_registry=store,
            signature_mechanism=SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
        )
        self._key = key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """Sign the attributes. Nothing is ever tried out: the room for the seal is known."""
        if digest_algorithm != "sha256" or dry_run:
            raise CannotSeal("A seal is made with SHA-256, in earnest.")
        return seals.sign(self._key.key_pem, data)


def seal_pdf(
    pdf: bytes, *, key: KeyAndCertificate, root_pem: str, name: str, reason: str, at: datetime, timestamp_url: str
) -> SealedPdf:
    """Seal the PDF in the name of an organization. With `timestamp_url`, a timestamp is asked for; empty: none is.

    Raises:
        CannotSeal: it is none that can be sealed: encrypted, broken, or signed already.
        BadSeal: the key's certificate is not one that the root vouches for at this time.
    """
    seals.check_chain(key.certificate_pem, root_pem, at)
    signer = _HouseSigner(key, root_pem)
    room = ROOM_WITH_TIMESTAMP if timestamp_url else ROOM_ALONE
    placeholder = SignatureObject(
        timestamp=at.astimezone(UTC).replace(microsecond=0),
        subfilter=SigSeedSubFilter.PADES,
        name=seals.plain_name(name),
        reason=reason,
        bytes_reserved=2 * room,
    )
    try:
        writer = _writer(pdf)
        steps = _begun(writer, placeholder)
        prepared, output = steps.send(SigIOSetup(md_algorithm="sha256", in_place=False))
        seal = finished(signer.async_sign(prepared.document_digest, "sha256", use_pades=True))
        problem = _stamp(seal, timestamp_url, room) if timestamp_url else ""
        steps.send(seal)
    except (PdfError, SigningError, KeyError, ValueError, TypeError, IndexError) as error:
        if isinstance(error, CannotSeal):
            raise
        raise CannotSeal(f"The PDF cannot be sealed: {error}") from error
    level = B_T if timestamp_url and not problem else B_B
    return SealedPdf(pdf=output.getvalue(), level=level, problem=problem)


def _writer(pdf: bytes) -> _Increment:
    writer = _Increment(BytesIO(pdf))
    if writer.prev.encrypted:
        raise CannotSeal("The PDF is encrypted.")
    if list(writer.prev.embedded_signatures):
        raise CannotSeal("The PDF is signed already.")
    if writer.prev.input_version < (2, 0):
        writer.register_extension(ESIC_EXTENSION_1)
    return writer


def _begun(writer: _Increment, placeholder: PdfSignedData) -> Any:
    """The steps of writing a seal: its field is there, and its dictionary with room for the seal itself."""
    # Below the page and without size: out of sight also for who reads the page aloud (PDF/UA-1, 7.18.1), yet printed,
    # as PDF/A asks for.
    unseen = InvisSigSettings(set_print_flag=True, set_hidden_flag=False, box_out_of_bounds=True)
    field = SigFieldSpec(FIELD, on_page=0, invis_sig_settings=unseen, readable_field_name="Seal of the document")
    steps = PdfCMSEmbedder(new_field_spec=field).write_cms(FIELD, writer)
    next(steps)
    rules = SigMDPSetup(certify=True, docmdp_perms=MDPPerm.NO_CHANGES, md_algorithm="sha256")
    steps.send(SigObjSetup(sig_placeholder=placeholder, mdp_setup=rules))
    return steps


def _stamp(seal: cms.ContentInfo, url: str, room: int) -> str:
    """Put a timestamp of the seal's signature beside it. Gives what kept it from being there, if anything did."""
    (signed,) = seal["content"]["signer_infos"]
    try:
        token = timestamp_of(signed["signature"].native, url)
    except NoTimestamp as error:
        return str(error)
    signed["unsigned_attrs"] = cms.CMSAttributes(
        [cms.CMSAttribute({"type": "signature_time_stamp_token", "values": [token]})]
    )
    if len(seal.dump(force=True)) > room:
        signed["unsigned_attrs"] = None
        return "The timestamp is too large for the seal."
    return ""


def _read(text: str) -> x509.Certificate:
    try:
        _, _, der = pem.unarmor(text.encode("ascii"))
    except ValueError:
        raise BadSeal("This cannot be read as a certificate.") from None
    return x509.Certificate.load(der, strict=True)
