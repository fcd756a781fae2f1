"""Sealing: from what everybody has signed to one document that nobody changes any more.

Drawing, sealing and storing happen outside of any transaction, and whoever is killed there leaves a file that nobody
names, which the reaper removes. One transaction then keeps the file, adds the last step, ends the agreement and the
job, and records the event: all or nothing, so there is exactly one sealed document.
"""

import base64
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from django.conf import settings

from audit import recorder
from audit.tags import Tag
from hq.authz.actor import Origin, system_actor
from hq.lib.canonical import canonical
from hq.lib.clock import now
from jobs.registry import RunningJob
from signing import selectors
from signing.actions import papers
from signing.actions.certificate import certificate_of, told
from signing.actions.chain import add_step, line_of
from signing.actions.drafts import target_of
from signing.actions.seals import sealing_key
from signing.actions.turns import mail
from signing.models import Agreement, Field, Signer
from signing.paper.count import count_pages
from signing.paper.letters import all_drawable, drawable
from signing.paper.render import Mark, Stamp, render_certificate, render_text, stamp_pdf
from signing.paper.text import read_text
from signing.seals.pades import SealedPdf, seal_pdf

log = logging.getLogger("hq.signing")
EVIDENCE, EVIDENCE_TYPE, EVIDENCE_VERSION = "evidence.json", "hq/agreement-evidence", 1
REASON: Final = "Everybody who was asked has signed."
_MILLION, _THOUSAND = 1_000_000, 1_000
State = Agreement.State


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything that a sealed document is made of, read in one transaction."""

    agreement: Agreement
    certificate: Mapping[str, Any]
    evidence: bytes
    fields: Sequence[Field]  # each with its signer


def seal_agreement(job: RunningJob) -> None:
    """Seal one. Raises what keeps it from being sealed: StorageFull, KeyUnavailable, LeaseLost, CannotSeal."""
    with job.step():
        whole = _read(job)
        if whole is None:
            job.complete({"sealed": False})
            return
    agreement = whole.agreement
    job.progress(1, 3, "Drawing the document")
    original = papers.read(agreement.organization_id, agreement.document_id)
    sealed = _sealed(whole, compose(whole, original))
    job.progress(2, 3, "Keeping the document")
    draft = papers.store(agreement.organization_id, agreement.environment_id, sealed.pdf)
    try:
        kept = _keep(job, draft, sealed)
    except BaseException:
        draft.package.give_up()
        raise
    if not kept:
        draft.package.give_up()


def compose(whole: Whole, original: bytes) -> bytes:
    """The document with everything that was filled in, the certificate's pages, and the evidence inside: not sealed."""
    agreement, said = whole.agreement, all_drawable(told(whole.certificate))
    at, files = now(), {EVIDENCE: whole.evidence}
    if agreement.source == Agreement.Source.TEXT:
        return render_text(
            read_text(original.decode()),
            {field.number: mark_of(field) for field in whole.fields},
            title=agreement.title,
            language=agreement.language,
            attachments=files,
            certificate=said,
            at=at,
            footer=f"Agreement {agreement.id}",
        )
    stamps = [_stamp(field, mark_of(field)) for field in whole.fields]
    return stamp_pdf(original, stamps, certificate_pages=render_certificate(said, at=at), attachments=files)


def _read(job: RunningJob) -> Whole | None:
    """None if there is nothing to seal: it was removed with its organization, or another worker was faster."""
    rows = Agreement.objects.filter(organization_id=job.organization_id, id=UUID(job.payload["agreement"]))
    agreement = rows.filter(state=State.SIGNED).select_related("document", "environment").first()
    if agreement is None:
        return None
    signers, steps = selectors.list_signers(agreement), selectors.list_steps(agreement)
    certificate = certificate_of(agreement, signers, steps)
    evidence = {
        "type": EVIDENCE_TYPE,
        "v": EVIDENCE_VERSION,
        "certificate": certificate,
        "steps": [orjson.loads(line_of(step)) for step in steps],
    }
    return Whole(agreement, certificate, canonical(evidence), selectors.list_fields(agreement))


def _sealed(whole: Whole, pdf: bytes) -> SealedPdf:
    """A timestamp that cannot be had lowers the level; no signature waits for it."""
    agreement, key = whole.agreement, sealing_key(whole.agreement.organization_id)
    sealed = seal_pdf(
        pdf,
        key=key.key,
        root_pem=key.root_pem,
        name=key.name,
        reason=REASON,
        at=now(),
        timestamp_url=settings.TIMESTAMP_URL,
    )
    if sealed.problem:
        log.warning("sealed without a timestamp", extra={"agreement": str(agreement.id), "problem": sealed.problem})
    return sealed


def _keep(job: RunningJob, draft: papers.Draft, sealed: SealedPdf) -> bool:
    """One transaction: the file, the step, the state, the job, the event. False if another worker was faster."""
    with job.step():
        agreement = selectors.lock_agreement(job.organization_id, UUID(job.payload["agreement"]))
        if agreement.state != State.SIGNED:
            job.complete({"sealed": False})
            return False
        paper = draft.keep(count_pages(sealed.pdf))
        facts = {"pdf_sha256": draft.sha256, "size": draft.size, "level": sealed.level}
        add_step(agreement, "sealed", origin=Origin(), who={"name": "HQ", "kind": "system"}, facts=facts)
        agreement.state, agreement.ended_at = State.SEALED, now()
        agreement.final, agreement.level = paper, sealed.level
        told_to = [one for one in selectors.list_signers(agreement) if _hears(one)]
        mail(agreement, "completed")
        for signer in told_to:
            mail(agreement, "completed", signer)
        job.complete({"sealed": True, "level": sealed.level})
        after = {
            "head": bytes(agreement.head).hex(),
            "length": agreement.length,
            "pdf_sha256": draft.sha256,
        }
        actor = system_actor(agreement.organization_id, environment_id=agreement.environment_id)
        event = recorder.record(actor, Tag.AGREEMENT_SEALED, target=target_of(agreement), after=after)
        # Its place in the trail is known only now; the row was locked at the beginning, so nobody waits for anybody.
        agreement.sealed_event = event.index
        agreement.save(update_fields=["state", "ended_at", "final", "level", "sealed_event"])
    return True


def _hears(signer: Signer) -> bool:
    return signer.sent_at is not None and signer.state != Signer.State.DELEGATED


def mark_of(field: Field) -> Mark:
    """What stands at a field: its value, or the signature of whom it belongs to."""
    given, label = field.signer.signature or {}, drawable(field.label)
    caption = drawable(field.signer.name)
    if field.kind == Field.Kind.SIGNATURE:
        return Mark(
            field.kind,
            text=drawable(given.get("text", "")),
            strokes=_strokes(given.get("strokes")),
            image=base64.b64decode(given["image"]) if given.get("image") else None,
            caption=caption,
            label=label,
        )
    if field.kind == Field.Kind.INITIALS:
        return Mark(field.kind, text=drawable(given.get("initials", "")), caption=caption, label=label)
    if field.kind == Field.Kind.CHECKBOX:
        return Mark(field.kind, checked=field.value == "yes", label=label)
    return Mark(field.kind, text=drawable(field.value or ""), label=label)


def _strokes(lines: Sequence[Sequence[Sequence[int]]] | None) -> list[list[list[float]]] | None:
    if lines is None:
        return None
    return [[[x / _THOUSAND, y / _THOUSAND] for x, y in line] for line in lines]


def _stamp(field: Field, mark: Mark) -> Stamp:
    place = (field.x / _MILLION, field.y / _MILLION, field.width / _MILLION, field.height / _MILLION)
    return Stamp(field.page, *place, mark)
