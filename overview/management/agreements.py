"""The demo's chapter of agreements: one that is sealed, one that is out, one that is being prepared, and a template."""

from time import monotonic, sleep
from typing import Any

from django.core.management.base import CommandError

from hq.authz.actor import Origin
from hq.db.context import tenant
from jobs import actions as jobs
from overview.management import story
from overview.management.telling import Story
from signing import consents, selectors
from signing.actions import acts, drafts, sending, templates
from signing.actions.acts import Standing
from signing.actions.drafts import Person, Place, Wish
from signing.actions.templates import Use
from signing.paper.render import render_text
from signing.paper.text import read_text

PATIENCE = 60.0  # seconds
SECRECY = """# Mutual non-disclosure

Between **Alder Peak** and **{company}**, from {start_date}.

1. Each party keeps what it learns of the other to itself, and shows it to nobody but those who need it for the survey.
2. What was public before, or becomes so by nobody's fault, is free.
3. This holds for three years, and after that for whatever is still secret.

| For Alder Peak | For {company} |
|---|---|
| [[signature:1]] | [[signature:2]] |
| [[name:1]] | [[name:2]] |
| [[date:1]] | [[date:2]] |
"""
LEASE = """# Lease of the survey office

Alder Peak rents two rooms at Lindholmsgatan 4 for the season of 2027, from 1 April to 31 October.

## Rent

The rent is paid for each month in advance. It covers heat, water and the use of the yard.

## Keys

Four keys are handed over on the first day, and come back on the last.

---

Signed for the landlord and for the tenant, each on a page of their own copy.
"""
PARTNER = Person(name="Mira Halvorsen", email="mira@halvorsen-survey.example", role="Partner")
COUNSEL = Person(name="Aleksander Bø", email="aleksander@bo-law.example", role="Counsel", kind="viewer", turn=2)


def agreements(told: Story) -> str:
    """Made and signed by the same verbs as any other; the signatures are typed."""
    pattern = _draft(told)
    made = told.act(templates.keep_as_template, story.ADMIN, agreement_id=pattern.id, name=pattern.title, text=SECRECY)
    told.act(sending.remove_agreement, story.ADMIN, agreement_id=pattern.id)
    first = _use(told, made.id, "Mutual non-disclosure", "Halvorsen Survey AS", [PARTNER, COUNSEL])
    told.act(sending.send_agreement, story.ADMIN, agreement_id=first.id, text=sending.text_of(first))
    for position in (1, 2):
        _sign(told, first.id, position)
    _seal(told, first)
    other = Person(name="Ode Fjeld", email="ode@fjeld-drones.example")
    second = _use(told, made.id, "Non-disclosure, northern survey", "Fjeld Drones", [other, COUNSEL])
    told.act(sending.send_agreement, story.ADMIN, agreement_id=second.id, text=sending.text_of(second))
    _sign(told, second.id, 1)
    with tenant(told.place.organization_id):
        acts.view_document(_standing(told, second.id, 2))
    _lease(told)
    return "Agreements: one is sealed, one is out with one of two signatures, a lease is being prepared; one template."


def _own() -> Person:
    return Person(name=story.ADMIN.name, email=story.ADMIN.email, role="Alder Peak")


def _draft(told: Story) -> Any:
    made = drafts.create_agreement(
        actor=told.actor(story.ADMIN),
        wish=Wish(title="Mutual non-disclosure", message="As discussed on Tuesday.", remind_every=7, may_delegate=True),
        source="text",
        content=SECRECY.encode(),
    )
    told.act(drafts.set_signers, story.ADMIN, agreement_id=made.id, people=[_own(), PARTNER, COUNSEL])
    return made


def _use(told: Story, template_id: Any, title: str, company: str, others: list[Person]) -> Any:
    people = [(one.name, one.email) for one in (_own(), *others)]
    use = Use(title, people, {"company": company, "start_date": "1 December 2026"})
    return templates.use_template(actor=told.actor(story.ADMIN), template_id=template_id, use=use)


def _standing(told: Story, agreement_id: Any, position: int) -> Standing:
    with tenant(told.place.organization_id):
        found = selectors.get_agreement(told.actor(story.ADMIN), agreement_id)
        signer = selectors.list_signers(found)[position - 1]
    origin = Origin(ip=story.RECIPIENT_IP, user_agent=story.FIREFOX, request_id="demo")
    return Standing(told.place.organization_id, signer.id, "code", bytes(signer.email_index), origin)


def _sign(told: Story, agreement_id: Any, position: int) -> None:
    standing = _standing(told, agreement_id, position)
    with tenant(told.place.organization_id):
        signer = acts.view_document(standing)
        acts.give_consent(standing, sha256=consents.current("en").sha256)
        initials = "".join(word[0] for word in signer.name.split())
        typed = {"how": "typed", "text": signer.name, "initials": initials}
        named = {
            row.number: signer.name for row in selectors.list_fields(signer.agreement, signer) if row.kind == "name"
        }
        acts.sign_agreement(standing, values=named, signature=typed, label="Sign and finish")


def _seal(told: Story, made: Any) -> None:
    """By the queue itself, so that no worker need run; one that does may be faster."""
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        with tenant(told.place.organization_id):
            if selectors.get_agreement(told.actor(story.ADMIN), made.id).state == "sealed":
                return
        if not jobs.run_one("demo"):
            sleep(0.1)
    raise CommandError("The agreement could not be sealed; the job's error is at /operator/jobs.")


def _lease(told: Story) -> None:
    """A PDF as somebody uploads it, with its fields half placed."""
    pdf = render_text(read_text(LEASE), {}, title="Lease", language="en", attachments={}, certificate=None)
    made = drafts.create_agreement(
        actor=told.actor(story.ADMIN), wish=Wish(title="Lease of the survey office"), source="pdf", content=pdf
    )
    landlord = Person(name="Per Lindholm", email="per@lindholm.example", role="Landlord", turn=2)
    told.act(drafts.set_signers, story.ADMIN, agreement_id=made.id, people=[_own(), landlord])
    place = Place(signer=1, kind="signature", page=1, x=120_000, y=700_000, width=300_000, height=50_000)
    told.act(drafts.set_fields, story.ADMIN, agreement_id=made.id, places=[place])
