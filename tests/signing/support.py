"""Agreements that tests begin with, made through the product's own actions: drafts, ones that are out, signed ones."""

import re
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pikepdf
from django.core import mail
from PIL import Image

from hq.authz.actor import Actor
from hq.db.context import tenant
from signing import consents, selectors
from signing.actions import acts
from signing.actions.acts import Standing
from signing.actions.drafts import Person, Place, Wish, create_agreement, set_fields, set_signers
from signing.actions.links import link_of
from signing.actions.sending import send_agreement, text_of
from signing.models import Agreement, Signer, Step
from tests.factories import ORIGIN, run_jobs
from tests.factories import Place as Organization

TABLE = b"name,email\nAda Holm,ada@holm.example\nBo,nobody\n"
TYPED = {"how": "typed", "text": "Sam Signer", "initials": "SS"}
LINK = re.compile(r"https?://\S+/sign/(\S+)")


def person(number: int = 1, **more: Any) -> Person:
    """Somebody to sign, each number another one."""
    return Person(**{"name": f"Sam Signer {number}", "email": f"sam{number}@signer.example"} | more)


def people_of(people: int | Sequence[Person]) -> list[Person]:
    return [person(number) for number in range(1, people + 1)] if isinstance(people, int) else list(people)


def text_for(people: Sequence[Person]) -> str:
    """A document with a place to sign for each who signs."""
    lines = [
        f"Signed: [[signature:{number}]]"
        for number, one in enumerate(people, 1)
        if one.kind == Signer.Kind.SIGNER.value
    ]
    return "\n\n".join(["# Mutual non-disclosure", "Each party keeps what it learns to itself.", *lines]) + "\n"


def png(size: tuple[int, int] = (8, 8)) -> bytes:
    """A small red picture."""
    out = BytesIO()
    Image.new("RGB", size, "red").save(out, "PNG")
    return out.getvalue()


def pdf_of(pages: int = 1) -> bytes:
    """A PDF as somebody else's program makes it, with nothing on its pages."""
    out = BytesIO()
    with pikepdf.new() as document:
        for _ in range(pages):
            document.add_blank_page(page_size=(595, 842))
        document.save(out, deterministic_id=True)
    return out.getvalue()


def places_for(people: Sequence[Person]) -> list[Place]:
    """A place to sign for each who signs, below each other on the first page."""
    return [
        Place(
            signer=number, kind="signature", page=1, x=100_000, y=10_000 + 18_000 * number, width=300_000, height=15_000
        )
        for number, one in enumerate(people, 1)
        if one.kind == Signer.Kind.SIGNER.value
    ]


def make_agreement(
    place: Organization,
    people: int | Sequence[Person] = 1,
    *,
    text: str | None = None,
    pdf: bytes | None = None,
    places: Sequence[Place] | None = None,
    actor: Actor | None = None,
    title: str = "Mutual non-disclosure",
    **wish: Any,
) -> Agreement:
    """A draft of the owner's, or of another actor: of a text unless a PDF is given, with somebody to sign it."""
    actor, named = actor or place.actor(), people_of(people)
    content = pdf if pdf is not None else (text_for(named) if text is None else text).encode()
    made = create_agreement(
        actor=actor, wish=Wish(title=title, **wish), source="text" if pdf is None else "pdf", content=content
    )
    with tenant(place.id):
        set_signers(actor=actor, agreement_id=made.id, people=named)
        if pdf is not None:
            set_fields(actor=actor, agreement_id=made.id, places=places_for(named) if places is None else places)
    return fresh(made)


def sent(place: Organization, people: int | Sequence[Person] = 1, **more: Any) -> Agreement:
    """One that is out; its mails wait until `run_jobs("network")`."""
    made = make_agreement(place, people, **more)
    text = text_of(made) if made.source == Agreement.Source.TEXT else ""
    with tenant(place.id):
        return send_agreement(actor=more.get("actor") or place.actor(), agreement_id=made.id, text=text)


def fresh(agreement: Agreement) -> Agreement:
    """The row as it is now."""
    with tenant(agreement.organization_id):
        rows = Agreement.objects.filter(organization_id=agreement.organization_id)
        return rows.select_related("document", "final", "environment", "template").get(id=agreement.id)


def signers(agreement: Agreement) -> list[Signer]:
    with tenant(agreement.organization_id):
        return selectors.list_signers(agreement)


def signer(agreement: Agreement, position: int = 1) -> Signer:
    return signers(agreement)[position - 1]


def steps(agreement: Agreement) -> list[Step]:
    with tenant(agreement.organization_id):
        return selectors.list_steps(agreement)


def kinds(agreement: Agreement) -> list[str]:
    """What was done, from the first step."""
    return [step.kind for step in steps(agreement)]


def link(one: Signer) -> str:
    """The path that is mailed to a signer."""
    with tenant(one.organization_id):
        agreement = Agreement.objects.get(organization_id=one.organization_id, id=one.agreement_id)
        return f"/sign/{link_of(agreement, one).rpartition('/sign/')[2]}"


def mailed_link(address: str) -> str:
    """The path in the newest mail to an address, once `run_jobs("network")` has sent it."""
    bodies = [str(each.body) for each in mail.outbox if each.to == [address]]
    found: str = next(each for body in reversed(bodies) for each in LINK.findall(body))
    return "/sign/" + found


def stand(one: Signer, method: str = "code") -> Standing:
    """As one who has shown who they are."""
    return Standing(one.organization_id, one.id, method, bytes(one.email_index), ORIGIN)


def consent(one: Signer) -> None:
    """Look at the document, and agree to sign it electronically."""
    with tenant(one.organization_id):
        acts.view_document(stand(one))
        if one.acts:
            acts.give_consent(stand(one), sha256=consents.current("en").sha256)


def sign(one: Signer, **more: Any) -> Agreement:
    """Everything from the first look to the signature, typed unless said otherwise."""
    consent(one)
    given = {"values": {}, "signature": TYPED, "label": "Sign"} | more
    with tenant(one.organization_id):
        return acts.sign_agreement(stand(one), **given)


def sign_all(agreement: Agreement) -> Agreement:
    """Everybody who must act does, turn by turn; viewers look. What is left is the seal, by a job."""
    for one in sorted(signers(agreement), key=lambda one: one.turn):
        if one.acts:
            sign(one)
    return fresh(agreement)


def sealed(place: Organization, people: int | Sequence[Person] = 1, **more: Any) -> Agreement:
    """One that everybody has signed and that was sealed."""
    signed = sign_all(sent(place, people, **more))
    run_jobs()
    return fresh(signed)
