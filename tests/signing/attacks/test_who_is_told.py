"""Who hears of an agreement: nobody who may not see it any more, nobody of a shut organization, and not the trail."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db.models import F

from audit.api import event_body
from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from signing.actions import acts, sending
from signing.actions.drafts import Wish, change_agreement
from signing.actions.faults import CannotBeSigned
from signing.models import Agreement
from signing.tasks import sweep
from tenants import actions as tenants
from tenants.models import Membership, User
from tests.database import as_superuser
from tests.factories import make_member, make_place, run_jobs
from tests.signing import support
from tests.signing.sealing.postbox import postbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    return make_place()


@pytest.mark.parametrize(("role", "told"), [(Role.DEVELOPER, True), (Role.ANALYST, False)])
def test_a_sender_is_told_while_they_may_look_at_it(place, role, told):
    member = make_member(place, Role.DEVELOPER)
    agreement = support.sent(place, actor=place.actor(Role.DEVELOPER, member), may_delegate=True)
    with tenant(place.id):
        Membership.objects.filter(user=member).update(role=role)
        acts.delegate_signing(support.stand(support.signer(agreement)), name="Bo", email="bo@b.example")
    run_jobs("network")
    assert (member.email in {letter.to[0] for letter in mail.outbox}) is told


def shut(place, state):
    with as_superuser() as admin:
        admin.execute("UPDATE tenants_organization SET state = %s WHERE id = %s", [state, place.id])


def look(agreement):
    sweep()
    run_jobs()
    run_jobs("network")
    return support.kinds(agreement)[-1]


def test_what_falls_due_while_nobody_comes_in_is_done_once_they_do(place):
    agreement = support.sent(place, remind_every=1)
    run_jobs("network")
    mail.outbox.clear()
    with tenant(place.id):
        Agreement.objects.update(sent_at=F("sent_at") - timedelta(days=2))
    shut(place, "SUSPENDED")
    assert (look(agreement), mail.outbox) == ("sent", [])
    shut(place, "READY")
    assert (look(agreement), len(mail.outbox)) == ("reminded", 1)
    with tenant(place.id):
        Agreement.objects.update(expires_at=F("sent_at"))
    shut(place, "SUSPENDED")
    assert (look(agreement), len(mail.outbox)) == ("reminded", 1)
    shut(place, "READY")
    assert (look(agreement), len(mail.outbox)) == ("expired", 3)


@pytest.mark.parametrize("hidden", ["\x00", "\x1b[31m", "\u202e", "\x85"], ids=ascii)
def test_a_mail_holds_nothing_that_hides_or_turns_its_words(place, hidden):
    draft, out = support.make_agreement(place), support.sent(place)
    with tenant(place.id):
        change_agreement(actor=place.actor(), agreement_id=draft.id, wish=Wish(title="T", message="One\r\n\tTwo"))
        with pytest.raises(CannotBeSigned, match="cannot be seen"):
            change_agreement(actor=place.actor(), agreement_id=draft.id, wish=Wish(title="T", message=f"A{hidden}B"))
        with pytest.raises(CannotBeSigned, match="Say why"):
            sending.void_agreement(actor=place.actor(), agreement_id=out.id, reason=f"A{hidden}B")


def test_what_a_removed_sender_sent_is_signed_and_sealed_all_the_same(place):
    member = make_member(place, Role.DEVELOPER)
    agreement = support.sent(place, actor=place.actor(Role.DEVELOPER, member))
    with tenant(place.id):
        Membership.objects.filter(user=member).delete()
    support.sign_all(agreement)
    run_jobs("network")
    mail.outbox.clear()
    run_jobs()
    run_jobs("network")
    assert support.fresh(agreement).state == "sealed"
    assert sorted(letter.to[0] for letter in mail.outbox) == sorted([place.owner.email, "sam1@signer.example"])


@pytest.fixture
def left_behind(place):
    """What somebody sent who has left since, or may not look any more; and all others of the organization."""
    others = {role: make_member(place, role) for role in (Role.ADMIN, Role.DEVELOPER, Role.AUDITOR)}

    def sent(leave):
        member = make_member(place, Role.DEVELOPER, name="Dana Gone")
        agreement = support.sent(place, 2, actor=place.actor(Role.DEVELOPER, member), may_delegate=True)
        run_jobs("network")
        mail.outbox.clear()
        leave(place, member)
        return agreement

    return sent, {place.owner.email, others[Role.ADMIN].email}


def removed(place, member):
    with tenant(place.id):
        tenants.remove_member(actor=place.actor(), member_id=Membership.objects.get(user=member).id)


def demoted(place, member):
    with tenant(place.id):
        Membership.objects.filter(user=member).update(role=Role.ANALYST)


def shut_out(_, member):
    User.objects.filter(pk=member.pk).update(is_active=False)


@pytest.mark.parametrize("leave", [removed, demoted, shut_out])
def test_owners_and_admins_hear_what_a_sender_who_is_gone_would_have_heard(place, left_behind, leave):
    send, keepers = left_behind
    agreement = send(leave)
    first, second = support.signers(agreement)
    with tenant(place.id):
        acts.delegate_signing(support.stand(first), name="Bo", email="bo@b.example")
        acts.decline_agreement(support.stand(second), reason="The price is wrong.")
    run_jobs("network")
    told = [(letter.to[0], letter.subject, str(letter.body)) for letter in mail.outbox]
    for subject, words in (("was declined", "> The price is wrong."), ("Somebody else signs", "to Bo (bo@b.example)")):
        heard = [(to, body) for to, title, body in told if subject in title]
        assert sorted(to for to, _ in heard) == sorted(keepers)
        for _, body in heard:
            assert words in body
            assert "Dana Gone" in body
            assert body.count(f"/o/{place.slug}/live/agreements/{agreement.id}") == 1


def test_a_bounce_reaches_somebody_who_can_correct_the_address(place, left_behind):
    send, keepers = left_behind
    agreement = send(removed)
    with tenant(place.id):
        sending.remind_signers(actor=place.actor(), agreement_id=agreement.id)
    with postbox({"sam1@signer.example": 550}) as box:
        run_jobs("network")
    bounced = [each for each in map(bytes.decode, box.taken) if "cannot be delivered" in each]
    assert {to for to in keepers if any(f"To: {to}" in each for each in bounced)} == keepers
    assert len(bounced) == 2


def test_a_mail_that_is_due_while_nobody_comes_in_goes_out_once_they_do(place):
    out, over = support.sent(place), support.sent(place)
    shut(place, "SUSPENDED")
    run_jobs("network")
    assert mail.outbox == []
    with tenant(place.id):
        jobs = Job.objects.filter(kind="signing.mail")
        assert {(job.state, job.attempts, job.run_at > now()) for job in jobs} == {("QUEUED", 0, True)}
        Agreement.objects.filter(id=over.id).update(expires_at=F("sent_at"))
        jobs.update(run_at=now())
    shut(place, "READY")
    run_jobs("network")
    (letter,) = mail.outbox
    assert support.link(support.signer(out)) in str(letter.body)


@pytest.mark.parametrize("state", ["CLOSED", "ERASING"])
def test_of_an_organization_that_is_gone_nothing_waits(place, state):
    support.sent(place)
    shut(place, state)
    run_jobs("network")
    assert mail.outbox == []
    with tenant(place.id):
        assert {job.state for job in Job.objects.filter(kind="signing.mail")} == {"DONE"}


def test_the_trail_and_webhooks_name_nobody_whom_an_agreement_names(place):
    agreement = support.sent(place, may_delegate=True)
    one = support.signer(agreement)
    with tenant(place.id):
        sending.correct_signer(
            actor=place.actor(),
            agreement_id=agreement.id,
            signer_id=one.id,
            name="Ada Canary",
            email="ada@canary.example",
        )
        acts.delegate_signing(support.stand(support.signer(agreement)), name="Bo Canary", email="bo@canary.example")
        told = {
            event.tag: event_body(event)["after"]
            for event in AuditEvent.objects.filter(tag__in=["agreement:corrected", "agreement:delegated"])
        }
    assert told == {
        "agreement:corrected": {"signer": str(one.id)},
        "agreement:delegated": {"to": str(support.signer(agreement, 2).id)},
    }
