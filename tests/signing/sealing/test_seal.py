"""Sealing: one sealed document, one step, one event; what it says of itself holds before bin/verify."""

import json
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from django.db import transaction
from django.test import override_settings

from audit.models import AuditEvent
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from signing.actions import acts, bundle, papers, sending
from signing.actions.certificate import build_certificate, told
from signing.actions.drafts import Place
from signing.actions.faults import NotOver, NotSealed, NotSent
from signing.models import Agreement, Paper
from tenants.models import Organization
from tests.factories import ORIGIN, make_place, run_jobs
from tests.signing import support

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


@pytest.fixture
def place():
    return make_place("Alder Peak")


def checked(path, *more):
    """What bin/verify says of a file: its exit code (3: it holds, by anybody's key), and its words."""
    done = subprocess.run(
        [sys.executable, ROOT / "bin" / "verify", path, *more], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def final(agreement):
    return papers.read(agreement.organization_id, agreement.final_id)


def text_of(pdf, tmp_path):
    (tmp_path / "x.pdf").write_bytes(pdf)
    done = subprocess.run(["pdftotext", "-layout", tmp_path / "x.pdf", "-"], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("source", ["text", "pdf"])
def test_what_everybody_signed_is_sealed_once_and_its_bundle_holds(place, tmp_path, source):
    pdf = support.pdf_of(2) if source == "pdf" else None
    people = [support.person(1), support.person(2, turn=2), support.person(3, kind="viewer")]
    agreement = support.sealed(place, people, pdf=pdf)
    assert (agreement.state, agreement.level) == ("sealed", "B-B")
    assert agreement.final.sha256 == sha256(final(agreement)).hexdigest()
    assert support.kinds(agreement).count("sealed") == 1
    with tenant(place.id):
        event = AuditEvent.objects.get(tag="agreement:sealed")
        assert event.index == agreement.sealed_event
        assert event.detail["after"] == {
            "head": bytes(agreement.head).hex(),
            "length": agreement.length,
            "pdf_sha256": agreement.final.sha256,
        }
    (tmp_path / bundle.name_of(agreement)).write_bytes(bundle.bundle_of(agreement))
    code, words = checked(tmp_path / bundle.name_of(agreement))
    assert code == 3, words
    (tmp_path / "agreement.pdf").write_bytes(final(agreement))
    assert checked(tmp_path / "agreement.pdf")[0] == 3


@pytest.mark.poppler
def test_what_was_filled_in_and_the_certificate_stand_on_the_pages(place, tmp_path):
    text = "# Lease\n\n[[signature:1]] [[initials:1]] [[name:1]] [[date:1 From]] [[text:1 Flat]] [[checkbox:1 Pets]]\n"
    agreement = support.sent(place, text=text)
    support.sign(support.signer(agreement), values={3: "Sam S.", 4: "2026-12-01", 5: "4B, rear", 6: "yes"})
    run_jobs()
    words = text_of(final(support.fresh(agreement)), tmp_path)
    for each in ("Sam Signer", "SS", "Sam S.", "2026-12-01", "4B, rear", "Certificate of completion", "203.0.113.7"):
        assert each in words
    assert agreement.document.sha256 in "".join(words.split())


@pytest.mark.parametrize(
    "signature",
    [
        {"how": "typed", "text": "Sam"},
        {"how": "drawn", "strokes": [[[0, 0], [500, 500], [1000, 0]]]},
        {"how": "uploaded", "image": DOT},
    ],
    ids=lambda signature: signature["how"],
)
def test_every_way_of_signing_counts_the_same_and_is_drawn(place, signature):
    agreement = support.sent(place, pdf=support.pdf_of())
    support.sign(support.signer(agreement), signature=signature)
    run_jobs()
    agreement = support.fresh(agreement)
    assert agreement.state == "sealed"
    blank = support.pdf_of()
    with pikepdf.open(BytesIO(final(agreement))) as made, pikepdf.open(BytesIO(blank)) as before:
        assert len(made.pages) > len(before.pages)
        assert made.pages[0].get("/Contents") is not None


@pytest.mark.poppler
def test_letters_that_no_font_has_keep_nothing_from_being_sealed(place, tmp_path):
    people = [support.person(1, name="ཀཁ", role="😀")]
    agreement = support.sent(place, people, text="[[signature:1]] [[text:1 Town]] [[initials:1]]")
    typed = {"how": "typed", "text": "ཀཁ", "initials": "ཀ"}
    support.sign(support.signer(agreement), values={2: "ཁ"}, signature=typed)
    run_jobs()
    agreement = support.fresh(agreement)
    assert agreement.state == "sealed"
    drawn = text_of(final(agreement), tmp_path)
    assert "[U+0F40][U+0F41]" in drawn
    assert "[U+0F41]" in drawn.replace("[U+0F40][U+0F41]", "")  # the town
    assert json.loads(bundle.certificate_json(agreement))["signers"][0]["name"] == "ཀཁ"


def test_the_certificate_is_the_same_from_the_rows_and_from_what_was_sealed(place):
    agreement = support.sealed(place, 2)
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(name="Another name")
        rows = build_certificate(agreement)
    sealed = json.loads(bundle.certificate_json(agreement))
    assert sealed == json.loads(json.dumps(rows))
    assert sealed["organization"]["name"] == "Alder Peak"
    assert [step["kind"] for step in sealed["steps"]] == support.kinds(agreement)[:-1]
    assert sealed["level"] == "SES"


def test_the_certificate_says_in_words_what_each_did(place):
    agreement = support.sent(place, [support.person(1), support.person(2, kind="approver", turn=2)], may_delegate=True)
    with tenant(place.id):
        other = acts.delegate_signing(support.stand(support.signer(agreement)), name="Dora", email="dora@x.example")
    support.sign(other, passkey=None)
    support.sign(support.signer(agreement, 2), label="Approve")
    run_jobs()
    with tenant(place.id):
        shown = told(build_certificate(support.fresh(agreement)))
    assert [one["name"] for one in shown["signers"]] == ["Sam Signer 1", "Sam Signer 2", "Dora"]
    assert shown["signers"][0]["note"] == "Handed on to Dora"
    assert shown["signers"][1]["how"] == "Approved without a field of their own, by “Approve”"
    assert shown["signers"][2]["ip"] == ORIGIN.ip
    assert shown["level"].startswith("SES: ")


def test_there_is_no_bundle_before_the_seal(place):
    agreement = support.sent(place)
    with pytest.raises(NotSealed):
        bundle.bundle_of(agreement)
    assert json.loads(bundle.certificate_json(agreement))["completed_at"] is None


def test_a_timestamp_that_cannot_be_had_lowers_the_level_and_is_logged(place, caplog):
    agreement = support.sign_all(support.sent(place))
    with override_settings(TIMESTAMP_URL="https://127.0.0.1:9/"):
        run_jobs()
    agreement = support.fresh(agreement)
    assert (agreement.state, agreement.level) == ("sealed", "B-B")
    assert [line.message for line in caplog.records if line.name == "hq.signing"] == ["sealed without a timestamp"]


def test_doing_the_job_again_seals_nothing_again(place):
    agreement = support.sealed(place)
    with tenant(place.id):
        before = Paper.objects.count()
        Job.objects.filter(kind="signing.seal").update(
            state=Job.State.QUEUED, run_at=now(), finished_at=None, result=None
        )
    run_jobs()
    assert support.kinds(agreement).count("sealed") == 1
    with tenant(place.id):
        assert Paper.objects.count() == before
        assert AuditEvent.objects.filter(tag="agreement:sealed").count() == 1


def test_nothing_is_sealed_before_everybody_has_signed(place):
    agreement = support.sent(place, 2)
    support.sign(support.signer(agreement))
    run_jobs()
    assert support.fresh(agreement).state == "sent"
    with tenant(place.id):
        assert not Job.objects.filter(kind="signing.seal").exists()


@pytest.mark.poppler
def test_fields_lie_where_they_were_placed_on_turned_pages_too(place, tmp_path):
    out = BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page(page_size=(595, 842))
        document.pages[0].Rotate = 90
        document.save(out)
    places = [
        Place(signer=1, kind=kind, page=1, x=700_000, y=y, width=250_000, height=60_000)
        for kind, y in (("signature", 800_000), ("text", 100_000))
    ]
    agreement = support.sent(place, pdf=out.getvalue(), places=places)
    support.sign(support.signer(agreement), values={1: "Upper right"})
    run_jobs()
    (tmp_path / "x.pdf").write_bytes(final(support.fresh(agreement)))
    box = subprocess.run(
        ["pdftotext", "-f", "1", "-l", "1", "-bbox", tmp_path / "x.pdf", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    line = next(line for line in box.splitlines() if ">Upper<" in line)
    found = {part.split("=")[0]: float(part.split('"')[1]) for part in line.split() if "=" in part}
    assert 0.65 * 842 < found["xMin"] < 0.75 * 842
    assert 0.08 * 595 < found["yMin"] < 0.17 * 595


def test_an_agreement_that_is_being_sealed_cannot_be_withdrawn_or_removed(place):
    agreement = support.sign_all(support.sent(place))
    with tenant(place.id), transaction.atomic():
        for act in (sending.void_agreement, sending.remind_signers, sending.remove_agreement):
            more = {"reason": "No."} if act is sending.void_agreement else {}
            with pytest.raises((NotSent, NotOver)):
                act(actor=place.actor(), agreement_id=agreement.id, **more)
        Agreement.objects.filter(id=agreement.id).update(expires_at=now() - timedelta(days=1))
    run_jobs()
    assert support.fresh(agreement).state == "sealed"
