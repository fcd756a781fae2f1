"""Inviting one or many from the portal: the good ones stay, the others say why."""

import pytest
from django.core import mail

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.registry import NETWORK
from tenants import actions
from tenants.actions import people
from tenants.models import Invitation
from tests.factories import run_jobs, sign_in
from tests.tenants.support import member_of

pytestmark = pytest.mark.django_db(transaction=True)


def send(place, addresses, role="analyst", client=None):
    client = client or sign_in(place.owner)
    mail.outbox.clear()
    response = client.post(f"/o/{place.slug}/live/people/invite", {"addresses": addresses, "role": role})
    assert mail.outbox == []
    run_jobs(NETWORK)
    return response, response.content.decode()


def invited(place):
    with tenant(place.id):
        return sorted(invitation.email for invitation in Invitation.objects.all())


def test_each_gets_a_mail_and_each_link_is_shown_once(place):
    response, shown = send(place, "a@example.com, B@example.com\n\nc@example.com;a@example.com")
    assert response.status_code == 200
    assert invited(place) == ["a@example.com", "b@example.com", "c@example.com"]
    assert sorted(message.to[0] for message in mail.outbox) == invited(place)
    assert shown.count("/invitations/hqi_") == 2 * 3  # to read, and behind the button that copies
    assert "/invitations/hqi_" not in sign_in(place.owner).get(f"/o/{place.slug}/live/people/").content.decode()


def test_the_good_ones_are_sent_and_the_others_say_why(place):
    with tenant(place.id):
        actions.invite_member(actor=place.actor(), email="open@example.com", role=Role.ANALYST)
    run_jobs(NETWORK)
    response, shown = send(place, f"new@example.com open@example.com {place.owner.email} last@example.com")
    assert response.status_code == 200
    assert invited(place) == ["last@example.com", "new@example.com", "open@example.com"]
    assert [message.to[0] for message in mail.outbox] == ["new@example.com", "last@example.com"]
    assert "This person is a member already." in shown
    assert "An invitation to this address is open." in shown
    assert shown.count("/invitations/hqi_") == 2 * 2


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ("", "This field is required."),
        (" , ;\n", "Enter an address."),
        ("good@example.com nonsense", "nonsense is not an address."),
        ("good@example.com " + "x" * 250 + "@example.com", "is not an address."),
        (" ".join(f"p{number}@example.com" for number in range(101)), "These are 101 addresses."),
    ],
)
def test_a_list_that_cannot_be_read_sends_nothing(place, addresses, said):
    response, shown = send(place, addresses)
    assert (response.status_code, said in shown) == (400, True)
    assert invited(place) == []
    assert mail.outbox == []


def test_a_hundred_are_asked_for_at_once_and_mailed_by_jobs(place):
    send(place, " ".join(f"p{number}@example.com" for number in range(100)))
    assert len(invited(place)) == len(mail.outbox) == 100


def test_nobody_is_invited_above_the_inviters_own_role_or_by_those_who_may_not(place):
    admin = sign_in(member_of(place, Role.ADMIN).user)
    assert send(place, "a@example.com", "owner", admin)[0].status_code == 400
    developer = sign_in(member_of(place, Role.DEVELOPER).user)
    assert send(place, "a@example.com", "analyst", developer)[0].status_code == 403
    assert invited(place) == []


def test_a_day_has_an_end_of_invitations_and_revoking_brings_none_back(place, monkeypatch):
    monkeypatch.setattr(people, "SENT_MOST", 2)
    send(place, "a@example.com, b@example.com")
    with tenant(place.id):
        for invitation in Invitation.objects.all():
            actions.revoke_invitation(actor=place.actor(), invitation_id=invitation.id)
    assert "as many invitations as it may within a day" in send(place, "a@example.com")[1]
    assert mail.outbox == []
    with tenant(place.id):
        Invitation.objects.update(created_at=now() - people.SENT_WITHIN)
    send(place, "a@example.com")
    assert len(mail.outbox) == 1
