"""The bundle: one ZIP by which anybody can check an agreement without HQ, now or in twenty years."""

from hashlib import sha256
from io import BytesIO
from typing import Any
from uuid import UUID

import orjson
import pikepdf

from audit.tags import Log
from evidence.actions.proofs import prove_for_room
from hq.crypto.statements import AGREEMENT
from hq.db.context import tenant
from hq.lib.canonical import canonical
from keys.actions.signing import sign_statement
from keys.registry import tenancy
from signing import consents, selectors
from signing.actions import papers
from signing.actions.certificate import build_certificate
from signing.actions.chain import line_of
from signing.actions.faults import NotSealed
from signing.actions.sealing import EVIDENCE
from signing.models import Agreement
from signing.seals.bundles import CERTIFICATE, CHAIN, PDF, PROOF, STATEMENT, ordered, pack

NOT_COVERED = (
    "Who the people are: whoever could read the mail to an address, or had the link, could act in its name.",
    "Whether what the document says is true, or binds anybody.",
)


def name_of(agreement: Agreement) -> str:
    """What the file is called."""
    return f"agreement-{agreement.id}.zip"


def original_name(agreement: Agreement) -> str:
    """What the document as it was sent is called."""
    return "original.md" if agreement.source == Agreement.Source.TEXT else "original.pdf"


def chain_file(agreement: Agreement) -> bytes:
    """Every step, a line each, as lines of the trail's exports are. In the organization's context."""
    return b"".join(line_of(step) + b"\n" for step in selectors.list_steps(agreement))


def certificate_json(agreement: Agreement) -> bytes:
    """The certificate in RFC 8785; of a sealed one, as it was sealed. Outside of a transaction.

    Raises KeyUnavailable, ObjectDamaged, Tampered.
    """
    final_id = _final_of(agreement)
    if final_id is not None:
        return sealed_certificate(papers.read(agreement.organization_id, final_id))
    with tenant(agreement.organization_id):
        return canonical(build_certificate(agreement))


def sealed_certificate(pdf: bytes) -> bytes:
    """The certificate that a sealed PDF carries along."""
    with pikepdf.open(BytesIO(pdf)) as document:
        evidence = orjson.loads(document.attachments[EVIDENCE].get_file().read_bytes())
    return canonical(evidence["certificate"])


def bundle_of(agreement: Agreement) -> bytes:
    """The bundle of a sealed agreement. Outside of a transaction. Raises as `bundle_files`."""
    return pack(bundle_files(agreement))


def bundle_files(agreement: Agreement) -> dict[str, bytes]:
    """What a bundle holds, by name. Outside of a transaction.

    A checkpoint that covers its event is made if there is none yet. Raises NotSealed, NotAsSigned, NotCovered,
    KeyUnavailable, ObjectDamaged, Tampered.
    """
    organization_id = agreement.organization_id
    final_id = _final_of(agreement)
    if final_id is None or agreement.sealed_event is None:
        raise NotSealed
    pdf = papers.read(organization_id, final_id)
    original = papers.read(organization_id, agreement.document_id)
    with tenant(organization_id):
        chain = chain_file(agreement)
    files = {
        PDF: pdf,
        original_name(agreement): original,
        CHAIN: chain,
        CERTIFICATE: sealed_certificate(pdf),
        PROOF: proof_of(agreement),
    }
    files |= consent_files(agreement)
    return files | {STATEMENT: _statement(agreement, files)}


def consent_files(agreement: Agreement) -> dict[str, bytes]:
    """Each text that somebody agreed to, by name."""
    with tenant(agreement.organization_id):
        agreed = {(one.consent_language, one.consent_version) for one in selectors.list_signers(agreement)}
    texts = [consents.get(language, version) for language, version in sorted(agreed - {("", "")})]
    return {text.file_name: text.text.encode() for text in texts}


def _final_of(agreement: Agreement) -> UUID | None:
    """As the row has it now: it may have been sealed since it was read."""
    with tenant(agreement.organization_id):
        agreement.refresh_from_db(fields=["state", "final", "head", "length", "sealed_event"])
    return agreement.final_id


def proof_of(agreement: Agreement) -> bytes:
    """That the event of its seal stands in the trail. Outside of a transaction. Raises NotCovered, NotAsSigned."""
    place = (agreement.organization_id, agreement.environment_id)
    return prove_for_room(*place, Log.ADMIN, agreement.sealed_event or 0).content


def _statement(agreement: Agreement, files: dict[str, bytes]) -> bytes:
    said: dict[str, Any] = {
        "type": AGREEMENT,
        "organization": {
            "id": str(agreement.organization_id),
            "name": tenancy().name_of(agreement.organization_id),
        },
        "agreement": str(agreement.id),
        "head": bytes(agreement.head).hex(),
        "length": agreement.length,
        "files": [
            {"name": name, "sha256": sha256(content).hexdigest(), "size": len(content)}
            for name, content in ordered(files)
        ],
        "does_not_cover": list(NOT_COVERED),
    }
    with tenant(agreement.organization_id):
        return sign_statement(said)
