"""What is mailed about an agreement: to whom, with which link, and what comes of a reader who is refused."""

import pytest
from django.core import mail

from audit.models import AuditEvent
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from signing.actions import acts, sending
from tests.factories import make_place, run_jobs
from tests.signing import support
from tests.signing.sealing.postbox import postbox

pytestmark = pytest.mark.django_db
SAM, SAM2 = "sam1@signer.example", "sam2@signer.example"


@pytest.fixture
def place():
    made = make_place("Alder Peak")
    mail.outbox.clear()
    return made


def posted():
    """What went out since the last look: recipient, subject, body."""
    run_jobs("network")
    found = [(letter.to[0], letter.subject, letter.body) for letter in mail.outbox]
    mail.outbox.clear()
    return found


def test_the_invitation_says_who_asks_what_until_when_and_how_to_tell_that_it_is_genuine(place):
    people = [support.person(1, role="Tenant", method="code"), support.person(2, turn=2)]
    agreement = support.sent(place, people, message="Please sign\nby Friday. & thanks")
    ((to, subject, body),) = posted()
    assert (to, subject) == (SAM, "HQ: Olive Owner asks you to sign “Mutual non-disclosure”")
    assert "Olive Owner of Alder Peak asks you, Sam Signer 1, to sign “Mutual non-disclosure” as Tenant." in body
    assert "> Please sign\n> by Friday. & thanks\n" in body
    assert f"until {support.fresh(agreement).expires_at:%-d %B %Y, %H:%M} UTC" in body
    assert support.link(support.signer(agreement)) in body
    assert "asks you for no password" in body
    assert "a code of six digits" in body


def test_who_comes_by_the_link_alone_is_told_of_no_code(place):
    support.sent(place, [support.person(1, method="link")])
    ((_, _, body),) = posted()
    assert "six digits" not in body


@pytest.mark.parametrize(("kind", "word"), [("approver", "approve"), ("viewer", "look at")])
def test_others_than_signers_are_asked_for_what_they_can_do(place, kind, word):
    support.sent(place, [support.person(1), support.person(2, kind=kind)])
    subjects = {to: subject for to, subject, _ in posted()}
    assert subjects[SAM2] == f"HQ: Olive Owner asks you to {word} “Mutual non-disclosure”"


def test_everybody_is_told_when_it_is_sealed_with_their_own_link_and_without_any_file(place):
    agreement = support.sealed(place, [support.person(1), support.person(2, kind="viewer")])
    run_jobs("network")
    letters = {letter.to[0]: letter for letter in mail.outbox if "is signed by everybody" in letter.subject}
    assert set(letters) == {SAM, SAM2, place.owner.email}
    assert not any(letter.attachments for letter in letters.values())
    assert support.link(support.signer(agreement, 2)) in letters[SAM2].body
    assert f"/sign/documents/{place.id}/" in letters[SAM].body
    assert f"/o/{place.slug}/live/agreements/{agreement.id}" in letters[place.owner.email].body
    assert "/sign/" not in letters[place.owner.email].body


def test_whoever_handed_it_on_is_not_told_that_it_was_sealed(place):
    agreement = support.sent(place, may_delegate=True)
    with tenant(place.id):
        other = acts.delegate_signing(support.stand(support.signer(agreement)), name="Dora", email="dora@x.example")
    letters = {to: body for to, _, body in posted()}
    assert (
        "Sam Signer 1 handed on the signing of “Mutual non-disclosure” to Dora (dora@x.example)."
        in (letters[place.owner.email])
    )
    assert "dora@x.example" in letters
    support.sign(other)
    run_jobs()
    assert {to for to, _, _ in posted()} == {"dora@x.example", place.owner.email}


def test_declining_tells_the_sender_why_and_the_others_only_that_it_ended(place):
    agreement = support.sent(place, 2)
    posted()
    with tenant(place.id):
        acts.decline_agreement(support.stand(support.signer(agreement)), reason="The price <b> & date are wrong.")
    letters = {to: body for to, _, body in posted()}
    assert set(letters) == {place.owner.email, SAM2}
    assert "Sam Signer 1 will not sign “Mutual non-disclosure”" in letters[place.owner.email]
    assert "> The price <b> & date are wrong." in letters[place.owner.email]
    assert "price" not in letters[SAM2]
    assert "/sign/" not in letters[SAM2]


def test_withdrawing_tells_everybody_who_was_asked_why(place):
    agreement = support.sent(place, [support.person(1), support.person(2, turn=2)])
    posted()
    with tenant(place.id):
        sending.void_agreement(actor=place.actor(), agreement_id=agreement.id, reason="Sent by mistake.")
    ((to, _, body),) = posted()
    assert to == SAM
    assert "> Sent by mistake." in body


def test_an_invitation_that_waits_behind_the_end_is_not_sent(place):
    agreement = support.sent(place)
    with tenant(place.id):
        sending.void_agreement(actor=place.actor(), agreement_id=agreement.id, reason="Sent by mistake.")
    assert [subject for _, subject, _ in posted()] == ["HQ: “Mutual non-disclosure” was withdrawn"]


def test_a_corrected_address_is_sent_another_link_and_the_first_is_dead(place):
    agreement = support.sent(place)
    before = support.link(support.signer(agreement))
    posted()
    with tenant(place.id):
        sending.correct_signer(
            actor=place.actor(),
            agreement_id=agreement.id,
            signer_id=support.signer(agreement).id,
            name="Sam",
            email=SAM2,
        )
    ((to, _, body),) = posted()
    assert to == SAM2
    assert before not in body
    assert support.link(support.signer(agreement)) in body


def test_a_refused_recipient_is_a_step_and_an_event_and_the_sender_is_told(place):
    agreement = support.sent(place)
    with postbox({SAM: 550}) as box:
        run_jobs("network")
    (told,) = box.taken
    assert f"To: {place.owner.email}".encode() in told
    assert SAM.encode() in told
    assert support.kinds(agreement)[-1] == "bounced"
    assert support.signer(agreement).bounced_at is not None
    with tenant(place.id):
        event = AuditEvent.objects.get(tag="agreement:bounced")
        assert event.detail["after"] == {"mail": "invite", "code": 550}
        assert set(Job.objects.filter(kind="signing.mail").values_list("state", flat=True)) == {Job.State.DONE}


@pytest.mark.parametrize("code", [450, 421])
def test_a_server_that_cannot_now_is_asked_again(place, code):
    agreement = support.sent(place)
    with postbox({SAM: code}) as box:
        run_jobs("network")
        assert box.taken == []
        with tenant(place.id):
            (waiting,) = Job.objects.filter(kind="signing.mail", state=Job.State.QUEUED)
            assert waiting.attempts == 1
            Job.objects.filter(id=waiting.id).update(run_at=now())
        box.refused = {}
        run_jobs("network")
        assert len(box.taken) == 1
    assert "bounced" not in support.kinds(agreement)


def test_a_sender_who_cannot_be_reached_ends_the_mail_and_nothing_else(place):
    agreement = support.sent(place)
    posted()
    with tenant(place.id):
        acts.decline_agreement(support.stand(support.signer(agreement)), reason="No.")
    with postbox({place.owner.email: 550}):
        run_jobs("network")
    assert support.kinds(agreement)[-1] == "declined"
    with tenant(place.id):
        assert not Job.objects.filter(kind="signing.mail").exclude(state=Job.State.DONE).exists()


def test_a_mail_that_is_refused_behind_the_seal_adds_no_step(place):
    agreement = support.sealed(place)
    with postbox({SAM: 550}):
        run_jobs("network")
    assert support.kinds(agreement)[-1] == "sealed"
    assert support.signer(agreement).bounced_at is not None


def test_a_long_title_is_cut_in_the_subject_and_whole_in_the_text(place):
    support.sent(place, title="T" * 200)
    ((_, subject, body),) = posted()
    assert subject.endswith("T" * 80 + "…”")
    assert "T" * 200 in body
