"""What time brings: agreements that end unsigned, reminders by themselves, codes and sessions that are forgotten."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db.models import F

from audit.models import AuditEvent
from hq.db.context import tenant
from hq.lib.clock import now
from signing import selectors
from signing.actions import acts, sending
from signing.actions.faults import NotYourTurn
from signing.models import Agreement, Code, SignerSession
from signing.tasks import sweep
from tests.factories import make_place, run_jobs
from tests.signing import support

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def place():
    return make_place()


def later(agreement, time):
    """Let so much time pass for an agreement."""
    with tenant(agreement.organization_id):
        Agreement.objects.filter(id=agreement.id).update(
            sent_at=F("sent_at") - time, expires_at=F("expires_at") - time, reminded_at=F("reminded_at") - time
        )


def look():
    """What beat and the workers do; the mails: whom, and about what."""
    run_jobs("network")
    mail.outbox.clear()
    sweep()
    run_jobs()
    run_jobs("network")
    return {(letter.to[0], letter.subject.partition(": ")[2]) for letter in mail.outbox}


def test_what_was_not_signed_in_time_ends_and_those_who_were_asked_are_told(place):
    people = [support.person(1), support.person(2), support.person(3, turn=2), support.person(4, kind="viewer")]
    agreement = support.sent(place, people, days=5)
    support.sign(support.signer(agreement))
    later(agreement, timedelta(days=5, seconds=-60))
    assert look() == set()
    later(agreement, timedelta(minutes=2))
    subject = "“Mutual non-disclosure” was not signed in time"
    assert look() == {(place.owner.email, subject), ("sam2@signer.example", subject)}
    assert "\n\nNot signed: Sam Signer 2\nNot signed: Sam Signer 3\n" in next(
        letter.body for letter in mail.outbox if letter.to == [place.owner.email]
    )
    agreement = support.fresh(agreement)
    assert (agreement.state, support.kinds(agreement)[-1]) == ("expired", "expired")
    with tenant(place.id):
        assert AuditEvent.objects.filter(tag="agreement:expired").count() == 1
    assert look() == set()


def test_nobody_signs_between_the_end_and_the_sweep(place):
    agreement = support.sent(place, days=1)
    support.consent(support.signer(agreement))
    later(agreement, DAY)
    with pytest.raises(NotYourTurn), tenant(place.id):
        acts.sign_agreement(support.stand(support.signer(agreement)), values={}, signature=support.TYPED, label="Sign")


def test_it_reminds_as_often_as_the_sender_said_and_only_who_has_not_acted(place):
    people = [support.person(1), support.person(2), support.person(3, kind="viewer")]
    agreement = support.sent(place, people, remind_every=3)
    support.sign(support.signer(agreement))
    later(agreement, 3 * DAY - timedelta(minutes=1))
    assert look() == set()
    later(agreement, timedelta(minutes=2))
    reminded = {("sam2@signer.example", "“Mutual non-disclosure” waits for you to sign it")}
    assert look() == reminded
    assert '"signers":1' in support.steps(agreement)[-1].document
    assert look() == set()
    later(agreement, 2 * DAY)
    assert look() == set()
    later(agreement, 2 * DAY)
    assert look() == reminded
    assert support.kinds(agreement).count("reminded") == 2
    with tenant(place.id):
        assert AuditEvent.objects.filter(tag="agreement:reminded", actor_kind="system").count() == 2


def test_a_reminder_by_hand_puts_the_next_one_off(place):
    agreement = support.sent(place, remind_every=3)
    later(agreement, 2 * DAY)
    with tenant(place.id):
        sending.remind_signers(actor=place.actor(), agreement_id=agreement.id)
    later(agreement, 2 * DAY)
    assert look() == set()


def test_what_never_reminds_is_left_alone(place):
    later(support.sent(place), 20 * DAY)
    assert look() == set()
    assert place.id not in selectors.list_organizations_due(now())


def test_what_never_reminds_is_left_alone_beside_what_does(place):
    never, does = support.sent(place), support.sent(place, remind_every=3)
    for agreement in (never, does):
        later(agreement, 4 * DAY)
    look()
    assert [support.kinds(agreement)[-1] for agreement in (never, does)] == ["sent", "reminded"]


def test_codes_and_sessions_are_forgotten_a_day_after_they_are_over(place):
    signer = support.signer(support.sent(place))
    common = {"organization_id": place.id, "signer": signer, "email_index": signer.email_index}
    with tenant(place.id):
        for number, age in enumerate((DAY - timedelta(minutes=1), DAY + timedelta(minutes=1))):
            ended = common | {"expires_at": now() - age}
            Code.objects.create(digest=bytes(32), **ended)
            SignerSession.objects.create(method="code", token_digest=bytes([number]) * 32, **ended)
    assert place.id in selectors.list_organizations_due(now())
    look()
    with tenant(place.id):
        assert (Code.objects.count(), SignerSession.objects.count()) == (1, 1)
    assert place.id not in selectors.list_organizations_due(now())
