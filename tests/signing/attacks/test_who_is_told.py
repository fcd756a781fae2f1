"""Who hears of an agreement: nobody who may not see it any more, nobody of a shut organization, and not the trail."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db.models import F

from audit.api import event_body
from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from signing.actions import acts, sending
from signing.actions.drafts import Wish, change_agreement
from signing.actions.faults import CannotBeSigned
from signing.models import Agreement
from signing.tasks import sweep
from tenants.models import Membership
from tests.database import as_superuser
from tests.factories import make_member, make_place, run_jobs
from tests.signing import support

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
    assert [letter.to for letter in mail.outbox] == [["sam1@signer.example"]]


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
