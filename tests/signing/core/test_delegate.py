"""Handing on: somebody else takes the place, the fields and the turn; never somebody who is asked already."""

import pytest

from hq.db.context import tenant
from signing.actions import acts
from signing.actions.faults import CannotBeDelegated, CannotBeSigned, NotYourTurn
from signing.models import Field
from signing.models.agreements import REASON_LENGTH
from tests.signing import support

person = support.person
TO = {"name": "Dana Deputy", "email": "dana@signer.example"}


def delegate(one, **more):
    with tenant(one.organization_id):
        return acts.delegate_signing(support.stand(one), **(TO | more))


def test_the_fields_and_the_turn_go_along_and_both_are_in_the_chain(place):
    agreement = support.sent(place, [person(1), person(2, turn=2)], pdf=support.pdf_of(), may_delegate=True)
    first = support.signer(agreement)
    support.consent(first)  # one may read and agree, and then hand it on
    other = delegate(first, reason="On leave")
    before, second, now = support.signers(agreement)
    assert (now.id, now.state, now.turn, now.position, now.method) == (other.id, "sent", 1, 3, "code")
    assert (before.state, before.delegated_to_id, before.reason) == ("delegated", other.id, "On leave")
    assert second.state == "waiting"
    with tenant(place.id):
        assert [field.signer_id for field in Field.objects.filter(agreement=agreement, number=1)] == [other.id]
    step = support.steps(agreement)[-1]
    assert (step.kind, step.signer_id, step.detail["to"]) == ("delegated", first.id, TO)
    assert f'"to":"{other.id}"' in step.document
    with tenant(place.id), pytest.raises(NotYourTurn):
        acts.sign_agreement(support.stand(first), values={}, signature=support.TYPED, label="Sign")
    support.sign(other)
    support.sign(second)
    assert support.fresh(agreement).state == "signed"


def test_only_where_the_sender_lets_it_be(place):
    agreement = support.sent(place)
    with pytest.raises(CannotBeDelegated):
        delegate(support.signer(agreement))
    assert support.kinds(agreement) == ["created", "sent"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": " "}, "/name"),
        ({"name": "x" * 121}, "/name"),
        ({"name": "a\u202eb"}, "/name"),
        ({"email": "dana"}, "/email"),
        ({"email": "SAM1@Signer.example"}, "/email"),
        ({"email": "sam2@signer.example"}, "/email"),
    ],
)
def test_to_somebody_else_who_can_be_written_to(place, change, pointer):
    agreement = support.sent(place, 2, may_delegate=True)
    with pytest.raises(CannotBeSigned) as raised:
        delegate(support.signer(agreement), **change)
    assert raised.value.errors[0]["pointer"] == pointer


def test_it_never_comes_back_to_who_handed_it_on(place):
    agreement = support.sent(place, may_delegate=True)
    other = delegate(support.signer(agreement))
    with pytest.raises(CannotBeSigned, match="asked to sign already"):
        delegate(other, name="Sam Signer 1", email="sam1@signer.example")


def test_a_reason_is_kept_as_far_as_there_is_room(place):
    agreement = support.sent(place, may_delegate=True)
    delegate(support.signer(agreement), reason="x" * (REASON_LENGTH + 1))
    assert support.signer(agreement).reason == "x" * REASON_LENGTH


def test_not_without_end(place):
    agreement = support.sent(place, 50, may_delegate=True)
    with pytest.raises(CannotBeDelegated):
        delegate(support.signer(agreement))
    assert len(support.signers(agreement)) == 50
