"""However long somebody makes an agreement, it can be sealed, and its chain is not theirs to fill."""

import pytest

from hq.db.context import tenant
from signing.actions import acts, door, sending
from signing.actions.faults import NotYourTurn, WrongCode
from signing.models.agreements import PAGES_MOST
from tests.factories import ORIGIN, make_place, run_jobs
from tests.signing import support

pytestmark = pytest.mark.django_db(transaction=True)


def token_of(signer) -> str:
    run_jobs("network")
    return support.mailed_link(signer.email).removeprefix("/sign/")


def test_the_longest_document_is_sealed_with_its_certificate():
    agreement = support.sealed(make_place(), pdf=support.pdf_of(PAGES_MOST))
    assert agreement.state == "sealed"
    assert agreement.final.pages > PAGES_MOST


def test_tries_without_a_code_that_could_be_right_leave_no_steps():
    agreement = support.sent(make_place())
    token = token_of(support.signer(agreement))
    before = len(support.steps(agreement))
    for _ in range(3):
        with pytest.raises(WrongCode):
            door.enter(token=token, code="000000", origin=ORIGIN)
    assert len(support.steps(agreement)) == before
    door.send_code(token=token, origin=ORIGIN)
    for _ in range(door.TRIES + 2):
        with pytest.raises(WrongCode):
            door.enter(token=token, code="no code", origin=ORIGIN)
    assert len(support.steps(agreement)) == before + 1 + door.TRIES


def test_who_came_in_before_a_correction_does_nothing_after_it():
    place = make_place()
    agreement = support.sent(place, may_delegate=True)
    former = support.stand(support.signer(agreement))
    with tenant(place.id):
        sending.correct_signer(
            actor=place.actor(),
            agreement_id=agreement.id,
            signer_id=former.signer_id,
            name="Somebody Else",
            email="else@signer.example",
        )
    with tenant(place.id), pytest.raises(NotYourTurn):
        acts.decline_agreement(former, reason="I was here first.")
