"""Agreements: sealing a document of ten pages, many envelopes at once, checking a bundle, the page of a signer.

Sealing is the whole job: reading the rows, drawing, sealing, storing, and the one transaction in the end.
"""

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from threading import Barrier
from typing import TypeVar

from django.db import connection
from django.test.utils import override_settings

from audit.models import AuditEvent
from bench.figures import Figure, Report, seconds
from bench.signing_page import Look, look_at_page
from hq.db.context import tenant
from hq.embedded.layout import ROOT
from jobs import actions as jobs
from signing.actions.bundle import bundle_of, name_of
from signing.models import Agreement, Step
from signing.paper.render import render_text
from signing.paper.text import read_text
from tests.factories import Place, make_place, run_jobs
from tests.signing import support

Given = TypeVar("Given")
Made = TypeVar("Made")
PAGES, SIGNERS = 10, 3
NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"
PARAGRAPH = "Each party keeps to itself what it learns of the other, for three years from the day of signing. " * 9
TEXT = "# Purchase of a lighthouse\n\n" + "\n\n".join(f"## Part {part}\n\n{PARAGRAPH}" for part in range(1, 43))
FIELDS = "\n\n".join(f"Signed: [[signature:{one}]] on [[date:{one}]]" for one in range(1, SIGNERS + 1))
# What one envelope is: made, sent, three people who open, agree and sign, and the seal.
WHOLE = Counter(created=1, sent=1, viewed=SIGNERS, consented=SIGNERS, signed=SIGNERS, sealed=1)


def measure(*, rounds: int = 7, envelopes: int = 100, hands: int = 8, looks: int = 5) -> Report:
    with override_settings(EMAIL_BACKEND=NO_MAIL):
        place = make_place()
        written = _sealing(place, rounds, text=f"{TEXT}\n\n{FIELDS}\n")
        uploaded = _sealing(place, rounds, pdf=_document())
        wrong, took = _at_once(envelopes, hands)
        checking = _checking(place, rounds)
        page = look_at_page(support.sent(place, text=f"{TEXT}\n\n{FIELDS}\n", people=SIGNERS), looks)
    return Report(
        sizes=f"{PAGES} pages, {SIGNERS} signers; {envelopes} envelopes by {hands} hands; the page by {page.profile}",
        figures=[
            Figure(what="sealing what was written here", samples=written, unit=" s", at_most=1.5),
            Figure(what="sealing what was uploaded", samples=uploaded, unit=" s", at_most=1.5),
            Figure(what="envelopes with a lost or doubled step", samples=[wrong], unit="", at_most=0),
            Figure(what="checking a bundle with bin/verify", samples=checking, unit=" ms", at_most=200),
            *_of_page(page),
        ],
        beside={
            "envelopes at once": f"{envelopes / took:.1f}/s from the draft to the sealed document",
            "of the page without its styles and scripts": f"{page.document / 1000:.0f} kB",
        },
    )


def _of_page(page: Look) -> list[Figure]:
    return [
        Figure(what="first text of the signer's page", samples=page.first_text, unit=" s", at_most=1),
        Figure(what="the signer's page, compressed", samples=[page.weight / 1000], unit=" kB", at_most=150),
    ]


def _document() -> bytes:
    return render_text(read_text(TEXT), {}, title="Lighthouse", language="en", attachments={}, certificate=None)


def _sealing(place: Place, rounds: int, **document: str | bytes) -> list[float]:
    """Seconds of the job that seals, the first left out: it reads the fonts."""
    taken = []
    for _ in range(rounds + 1):
        agreement = support.sign_all(support.sent(place, SIGNERS, **document))
        if agreement.document.pages < PAGES:
            raise RuntimeError(f"The bench's document has only {agreement.document.pages} pages.")
        taken.append(seconds(lambda: jobs.run_one("bench")))
        if support.fresh(agreement).state != Agreement.State.SEALED:
            raise RuntimeError("The bench's agreement was not sealed.")
        run_jobs("network")
    return taken[1:]


def _at_once(envelopes: int, hands: int) -> tuple[int, float]:
    """Several senders at once, all signers of an envelope at once, several workers at once; how many are not whole."""
    place = make_place()

    def one(_: int) -> None:
        agreement = support.sent(place, SIGNERS)
        gate = Barrier(SIGNERS)
        with ThreadPoolExecutor(SIGNERS) as people:
            list(people.map(_closing(lambda signer: (gate.wait(), support.sign(signer))), support.signers(agreement)))

    def work() -> None:
        with ThreadPoolExecutor(hands) as pool:
            list(pool.map(_closing(one), range(envelopes)))
        with ThreadPoolExecutor(2) as workers:
            list(workers.map(_closing(lambda _: run_jobs()), range(2)))

    took = seconds(work)
    with tenant(place.id):
        agreements = list(Agreement.objects.filter(organization_id=place.id))
        whole = sum(_is_whole(agreement) for agreement in agreements)
    return envelopes - whole, took


def _is_whole(agreement: Agreement) -> bool:
    steps = list(Step.objects.filter(agreement=agreement).order_by("index"))
    links = all(bytes(after.previous) == bytes(before.hash) for before, after in pairwise(steps))
    events = AuditEvent.objects.filter(target_id=str(agreement.id)).exclude(tag="agreement:changed")
    told = Counter(tag.partition(":")[2] for tag in events.values_list("tag", flat=True))
    return (
        agreement.state == Agreement.State.SEALED
        and Counter(step.kind for step in steps) == WHOLE == told
        and [step.index for step in steps] == list(range(1, len(steps) + 1))
        and links
        and bytes(agreement.head) == bytes(steps[-1].hash)
    )


def _closing(work: Callable[[Given], Made]) -> Callable[[Given], Made]:
    """A thread's connection goes with its work."""

    def done(given: Given) -> Made:
        try:
            return work(given)
        finally:
            connection.close()

    return done


def _checking(place: Place, rounds: int) -> list[float]:
    """Milliseconds of the whole command, with the start of Python."""
    agreement = support.sealed(place, SIGNERS, text=f"{TEXT}\n\n{FIELDS}\n")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name_of(agreement)
        file.write_bytes(bundle_of(agreement))
        return [seconds(lambda: _verify(file)) * 1000 for _ in range(rounds)]


def _verify(file: Path) -> None:
    done = subprocess.run([sys.executable, ROOT / "bin" / "verify", file], capture_output=True, check=False)
    if done.returncode != 3:
        raise RuntimeError(f"The bench's bundle does not hold: {done.stdout.decode()}")
