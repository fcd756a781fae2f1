"""What an outsider tries who holds a link, a cookie or a mailbox that was theirs."""

import pytest
from django.core.cache import cache
from django.test import Client

from hq.db.context import tenant
from signing.actions import door, inbox, sending
from signing.actions.faults import TooManyCodes
from tests.factories import ORIGIN, Place, make_place, run_jobs
from tests.signing.signer.support import agreed, arrived, at, read
from tests.signing.support import sent, signer, steps

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place()


def test_opening_from_the_list_is_counted_as_every_other_way_in(place):
    agreement = sent(place)
    one = signer(agreement)
    cache.clear()
    found = inbox.Inbox(place.id, "Alder Peak", bytes(one.email_index), [])
    before = len(steps(agreement))
    for _ in range(door.TRIES_OF_ADDRESS[0]):
        inbox.open_from_inbox(inbox=found, signer_id=one.id, origin=ORIGIN)
    with pytest.raises(TooManyCodes):
        inbox.open_from_inbox(inbox=found, signer_id=one.id, origin=ORIGIN)
    assert len(steps(agreement)) - before == door.TRIES_OF_ADDRESS[0]


def test_what_was_withdrawn_is_not_shown_to_who_comes_later(place):
    agreement = sent(place)
    one = signer(agreement)
    client = arrived(one)
    assert client.head(at(one, "document.pdf")).status_code == 200
    with tenant(place.id):
        sending.void_agreement(actor=place.actor(), agreement_id=agreement.id, reason="Wrong person")
    assert client.get(at(one, "document.pdf")).status_code == 404
    page = read(one, client)
    assert "Wrong person" in page
    assert at(one, "document.pdf") not in page


def test_what_was_seen_before_it_was_withdrawn_stays_with_who_saw_it(place):
    agreement = sent(place)
    one = signer(agreement)
    client = arrived(one)
    read(one, client)
    with tenant(place.id):
        sending.void_agreement(actor=place.actor(), agreement_id=agreement.id, reason="Another price")
    assert at(one, "document.pdf") in read(one, client)
    assert client.get(at(one, "document.pdf")).status_code == 200


@pytest.mark.parametrize("act", ["decline", "delegate"])
def test_words_with_control_characters_are_no_fault_of_ours(place, act):
    agreement = sent(place, may_delegate=True)
    one = signer(agreement)
    client = agreed(one)
    given = {"reason": "a\x00b\x1b[31m\r\nBcc: x@y.example", "name": "Bo", "email": "bo@x.example"}
    answer = client.post(at(one, act), given)
    assert answer.status_code in {303, 400, 422}, answer.content
    run_jobs("network")


def test_a_form_from_elsewhere_is_refused(place):
    agreement = sent(place)
    one = signer(agreement)
    client = arrived(one)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    for act in ("consent", "keep", "sign", "decline", "delegate", "passkey"):
        assert strict.post(at(one, act), {"agree": "1", "reason": "x"}).status_code == 403, act


def test_a_cookie_of_one_opens_nothing_of_another(place):
    agreement = sent(place, 2)
    one, other = signer(agreement), signer(agreement, 2)
    client = arrived(one)
    (name,) = [each for each in client.cookies if "hq-sign-" in each]
    forged = Client()
    forged.cookies[name[:-12] + other.id.hex[-12:]] = client.cookies[name].value
    forged.cookies[name[:-12] + place.id.hex[-12:]] = client.cookies[name].value
    for act in ("", "document.pdf", "bundle.zip", "certificate", "certificate.json", "decline", "delegate", "passkey"):
        assert forged.get(at(other, act)).status_code == 404, act
    assert "Send me a code" in forged.get(f"/sign/documents/{place.id}/").content.decode()
    assert forged.post(f"/sign/documents/{place.id}/{other.id}/").status_code == 404
