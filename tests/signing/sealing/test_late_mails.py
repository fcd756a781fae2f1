"""A mail that waited too long says nothing that is not so any more."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from django.core import mail

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from signing.actions import acts, sending
from signing.models import Agreement
from tenants.models import Membership
from tests.database import as_superuser
from tests.factories import make_member, make_place, run_jobs
from tests.signing import support
from tests.signing.sealing.postbox import postbox

pytestmark = pytest.mark.django_db(transaction=True)  # somebody else shuts the organization
SAM = "sam1@signer.example"


@pytest.fixture
def place():
    return make_place()


def posted(place):
    """To whom what waited went; each of it is done with."""
    mail.outbox.clear()
    run_jobs("network")
    with tenant(place.id):
        assert not Job.objects.filter(kind="signing.mail").exclude(state=Job.State.DONE).exists()
    return [letter.to[0] for letter in mail.outbox]


def test_an_invitation_whose_time_is_over_is_left_out_before_anything_has_ended_it(place):
    agreement = support.sent(place)
    with tenant(place.id):
        Agreement.objects.filter(id=agreement.id).update(expires_at=now() - timedelta(seconds=1))
    assert posted(place) == []


def test_who_has_signed_meanwhile_is_not_reminded(place):
    agreement = support.sent(place, 2)
    posted(place)
    with tenant(place.id):
        sending.remind_signers(actor=place.actor(), agreement_id=agreement.id)
    support.sign(support.signer(agreement))
    assert posted(place) == ["sam2@signer.example"]


def test_of_what_was_removed_meanwhile_nobody_hears(place):
    agreement = support.sent(place)
    with tenant(place.id):
        sending.void_agreement(actor=place.actor(), agreement_id=agreement.id, reason="Sent by mistake.")
        sending.remove_agreement(actor=place.actor(), agreement_id=agreement.id)
    assert posted(place) == []


def test_of_what_was_declined_and_removed_its_sender_hears_nothing_either(place):
    agreement = support.sent(place)
    posted(place)
    with tenant(place.id):
        acts.decline_agreement(support.stand(support.signer(agreement)), reason="No.")
        sending.remove_agreement(actor=place.actor(), agreement_id=agreement.id)
    assert posted(place) == []


def test_a_sender_who_is_no_member_any_more_is_written_to_no_more(place):
    member = make_member(place, Role.DEVELOPER)
    agreement = support.sent(place, actor=place.actor(Role.DEVELOPER, member))
    posted(place)
    with tenant(place.id):
        Membership.objects.filter(user=member).delete()
        acts.decline_agreement(support.stand(support.signer(agreement)), reason="No.")
    assert member.email not in posted(place)


def test_that_nobody_can_be_reached_is_told_once_and_without_anybodys_link(place):
    agreement = support.sent(place)
    with postbox({SAM: 550}) as box:
        run_jobs("network")
    words = str(message_from_bytes(box.taken[0], policy=default).get_content())
    assert f"/o/{place.slug}/live/agreements/{agreement.id}" in words
    assert "/sign/" not in words
    other = support.sent(place)
    with postbox({SAM: 550, place.owner.email: 550}):
        run_jobs("network")
    assert [support.kinds(one).count("bounced") for one in (agreement, other)] == [1, 1]
    assert posted(place) == []


def test_while_nobody_comes_in_nobody_is_written_to(place):
    support.sent(place)
    with as_superuser() as admin:
        admin.execute("UPDATE tenants_organization SET state = 'SUSPENDED' WHERE id = %s", [place.id])
    mail.outbox.clear()
    run_jobs("network")
    assert mail.outbox == []
