"""Whose turn it is: in order, side by side, or both; whoever is not asked yet sees and does nothing."""

import pytest

from hq.db.context import tenant
from signing import consents
from signing.actions import acts
from signing.actions.door import look_at_link
from signing.actions.faults import LinkCannotBeOpened, NotYourTurn
from tests.signing import support

person = support.person


def states(agreement):
    return [one.state for one in support.signers(agreement)]


def test_one_after_the_other(place):
    agreement = support.sent(place, [person(1), person(2, turn=2), person(3, turn=3)])
    assert states(agreement) == ["sent", "waiting", "waiting"]
    support.sign(support.signer(agreement, 1))
    assert states(agreement) == ["signed", "sent", "waiting"]
    support.sign(support.signer(agreement, 2))
    assert states(agreement) == ["signed", "signed", "sent"]
    support.sign(support.signer(agreement, 3))
    assert support.fresh(agreement).state == "signed"


def test_side_by_side_in_any_order(place):
    agreement = support.sent(place, 3)
    assert states(agreement) == ["sent"] * 3
    for position in (3, 1, 2):
        assert support.fresh(agreement).state == "sent"
        support.sign(support.signer(agreement, position))
    assert support.fresh(agreement).state == "signed"


def test_both_with_an_approver_between_and_viewers_beside(place):
    people = [
        person(1),
        person(2),
        person(3, kind="viewer", turn=1),
        person(4, kind="approver", turn=5),
        person(5, kind="viewer", turn=9),
        person(6, turn=7),
    ]
    agreement = support.sent(place, people)
    assert states(agreement) == ["sent", "sent", "sent", "waiting", "waiting", "waiting"]
    support.sign(support.signer(agreement, 2))
    assert states(agreement)[3] == "waiting"  # one of the two is left
    support.sign(support.signer(agreement, 1))
    assert states(agreement) == ["signed", "signed", "sent", "sent", "waiting", "waiting"]  # a viewer holds up nobody
    support.sign(support.signer(agreement, 4), signature={})
    assert states(agreement)[4:] == ["waiting", "sent"]
    support.sign(support.signer(agreement, 6))
    assert states(agreement)[4] == "sent"  # to whoever comes last there is something to see once all have signed
    assert support.fresh(agreement).state == "signed"


def test_viewers_of_the_first_turns_are_sent_for_with_the_first_who_acts(place):
    agreement = support.sent(place, [person(1, kind="viewer"), person(2, turn=2), person(3, turn=3)])
    assert states(agreement) == ["sent", "sent", "waiting"]


def test_nobody_before_their_turn_has_a_link_a_step_or_an_act(place):
    agreement = support.sent(place, [person(1), person(2, turn=2)])
    second = support.signer(agreement, 2)
    standing = support.stand(second)
    assert (second.token_digest, second.sent_at, second.generation) == (None, None, 0)
    with tenant(place.id):
        for act in (
            lambda: acts.view_document(standing),
            lambda: acts.give_consent(standing, sha256=consents.current("en").sha256),
            lambda: acts.keep_values(standing, values={}),
            lambda: acts.sign_agreement(standing, values={}, signature=support.TYPED, label="Sign"),
            lambda: acts.decline_agreement(standing, reason="No"),
            lambda: acts.delegate_signing(standing, name="Another", email="another@signer.example"),
        ):
            with pytest.raises(NotYourTurn):
                act()
    assert support.kinds(agreement) == ["created", "sent"]
    assert states(agreement) == ["sent", "waiting"]


def test_a_link_of_somebody_who_waits_would_open_nothing(place):
    """There is none; but were there one, it would not."""
    agreement = support.sent(place, [person(1), person(2, turn=2)])
    second = support.signer(agreement, 2)
    second.generation, second.key_version = 1, support.signer(agreement, 1).key_version
    token = support.link(second).rpartition("/")[2]
    from hq.crypto import secrets
    from signing.models import Signer

    with tenant(place.id):
        Signer.objects.filter(id=second.id).update(token_digest=secrets.digest(token))
    with pytest.raises(LinkCannotBeOpened):
        look_at_link(token=token)
