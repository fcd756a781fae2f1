"""What a sender does once it is out: void, remind, extend, correct, remove; and what cannot be sent at all."""

from datetime import timedelta

import pytest

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound
from jobs.models import Job
from signing import consents
from signing.actions import acts, drafts, papers, sending
from signing.actions.door import look_at_link
from signing.actions.faults import CannotBeSigned, LinkCannotBeOpened, NotOver, NotSent, NotYourTurn
from signing.models import Agreement, Field, Signer, Step
from tests.factories import make_member
from tests.signing import support
from tests.signing.core.conftest import lapse

person = support.person


def token_of(one):
    return support.link(one).rpartition("/")[2]


def mailed(agreement, what):
    with tenant(agreement.organization_id):
        rows = Job.objects.filter(kind="signing.mail", payload__agreement=str(agreement.id), payload__what=what)
        return sorted(row.payload["signer"] for row in rows)


def last_tag(place):
    with tenant(place.id):
        return AuditEvent.objects.filter(tag__startswith="agreement").latest("index").tag


def test_what_lacks_a_signer_or_a_place_to_sign_at_is_not_sent(place):
    actor = place.actor()
    blank = drafts.create_agreement(actor=actor, wish=drafts.Wish(title="x"), source="pdf", content=support.pdf_of())
    cases = [
        ([], "/signers"),
        ([person(1, kind="approver")], "/signers"),
        ([person(1, kind="viewer")], "/signers"),
        ([person(1)], "/signers/0"),
    ]
    with tenant(place.id):
        for people, pointer in cases:
            if people:
                drafts.set_signers(actor=actor, agreement_id=blank.id, people=people)
            with pytest.raises(CannotBeSigned) as raised:
                sending.send_agreement(actor=actor, agreement_id=blank.id)
            assert raised.value.errors[0]["pointer"] == pointer


def test_a_text_is_sent_only_with_its_own_words(place):
    made = support.make_agreement(place)
    with tenant(place.id), pytest.raises(CannotBeSigned, match="replaced meanwhile"):
        sending.send_agreement(actor=place.actor(), agreement_id=made.id, text="[[signature:1]] for much less\n")


def test_sending_says_in_the_chain_who_is_asked_and_for_how_long(place):
    agreement = support.sent(place, 2, days=5)
    step = support.steps(agreement)[-1]
    assert agreement.expires_at == (agreement.sent_at or now()) + timedelta(days=5)
    assert [one["email"] for one in step.detail["signers"]] == ["sam1@signer.example", "sam2@signer.example"]
    assert "sam1" not in step.document
    assert all(str(one.id) in step.document for one in support.signers(agreement))
    assert mailed(agreement, "invite") == sorted(str(one.id) for one in support.signers(agreement))


def test_voiding_ends_it_and_tells_whoever_was_asked(place):
    agreement = support.sent(place, [person(1), person(2, turn=2)])
    first = support.signer(agreement)
    support.consent(first)
    with tenant(place.id):
        for reason in ("", "x" * 1001):
            with pytest.raises(CannotBeSigned):
                sending.void_agreement(actor=place.actor(), agreement_id=agreement.id, reason=reason)
        sending.void_agreement(actor=place.actor(), agreement_id=agreement.id, reason="The price changed")
        with pytest.raises(NotYourTurn):
            acts.sign_agreement(support.stand(first), values={}, signature=support.TYPED, label="Sign")
        for act in (
            lambda: sending.void_agreement(actor=place.actor(), agreement_id=agreement.id, reason="Again"),
            lambda: sending.remind_signers(actor=place.actor(), agreement_id=agreement.id),
            lambda: sending.extend_agreement(actor=place.actor(), agreement_id=agreement.id, days=1),
        ):
            with pytest.raises(NotSent):
                act()
    assert (support.fresh(agreement).state, support.kinds(agreement)[-1]) == ("voided", "voided")
    assert support.steps(agreement)[-1].detail["reason"] == "The price changed"
    assert mailed(agreement, "voided") == [str(first.id)]
    assert last_tag(place) == "agreement:voided"


def test_reminding_mails_those_whose_turn_it_is_and_who_have_not_acted(place):
    agreement = support.sent(place, [person(1), person(2), person(3, turn=2), person(4, kind="viewer")])
    support.sign(support.signer(agreement, 1))
    with tenant(place.id):
        assert sending.remind_signers(actor=place.actor(), agreement_id=agreement.id) == 1
    assert mailed(agreement, "remind") == [str(support.signer(agreement, 2).id)]
    assert support.fresh(agreement).reminded_at is not None
    assert last_tag(place) == "agreement:reminded"


def test_extending_counts_from_now_and_wakes_nothing_that_is_over(place):
    agreement = support.sent(place, days=5)
    with tenant(place.id):
        for days in (0, 366):
            with pytest.raises(CannotBeSigned):
                sending.extend_agreement(actor=place.actor(), agreement_id=agreement.id, days=days)
        sending.extend_agreement(actor=place.actor(), agreement_id=agreement.id, days=60)
    until = support.fresh(agreement).expires_at
    assert until is not None
    assert timedelta(days=59) < until - now() <= timedelta(days=60)
    lapse(agreement)
    with tenant(place.id), pytest.raises(NotSent):
        sending.extend_agreement(actor=place.actor(), agreement_id=agreement.id, days=60)


def test_a_corrected_address_kills_the_link_and_whoever_saw_it_has_seen_nothing(place):
    agreement = support.sent(place, 2)
    first = support.signer(agreement)
    old = token_of(first)
    with tenant(place.id):
        acts.view_document(support.stand(first))
        Signer.objects.filter(id=first.id).update(bounced_at=now())
        sending.correct_signer(
            actor=place.actor(), agreement_id=agreement.id, signer_id=first.id, name="Kim", email="kim@signer.example"
        )
    now_ = support.signer(agreement)
    assert (now_.email, now_.state, now_.generation) == ("kim@signer.example", "sent", 2)
    assert (now_.viewed_at, now_.bounced_at) == (None, None)
    with pytest.raises(LinkCannotBeOpened):
        look_at_link(token=old)
    assert look_at_link(token=token_of(now_)).signer.id == first.id
    support.sign(now_)
    corrected = [step for step in support.steps(agreement) if step.kind == "corrected"]
    assert corrected[0].detail["before"] == {"name": "Sam Signer 1", "email": "sam1@signer.example"}
    viewed = [step.detail["email"] for step in support.steps(agreement) if step.kind == "viewed"]
    assert viewed == ["sam1@signer.example", "kim@signer.example"]


def test_whoever_waits_is_corrected_without_a_link(place):
    agreement = support.sent(place, [person(1), person(2, turn=2)])
    second = support.signer(agreement, 2)
    with tenant(place.id):
        sending.correct_signer(
            actor=place.actor(), agreement_id=agreement.id, signer_id=second.id, name="Kim", email="kim@signer.example"
        )
    second = support.signer(agreement, 2)
    assert (second.state, second.token_digest, second.email) == ("waiting", None, "kim@signer.example")


def test_nobody_is_corrected_into_somebody_else_once_they_have_agreed(place):
    agreement = support.sent(place, 2)
    first, second = support.signers(agreement)
    actor = place.actor()

    def correct(signer_id, **more):
        to = {"name": "Kim", "email": "kim@signer.example"} | more
        with tenant(place.id):
            sending.correct_signer(actor=actor, agreement_id=agreement.id, signer_id=signer_id, **to)

    for change, pointer in (
        ({"email": "kim"}, "/email"),
        ({"email": second.email}, "/email"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 121}, "/name"),
        ({"name": "a\u202eb"}, "/name"),
    ):
        with pytest.raises(CannotBeSigned) as raised:
            correct(first.id, **change)
        assert raised.value.errors[0]["pointer"] == pointer
    with pytest.raises(NotFound):
        correct(agreement.id)
    with tenant(place.id):
        acts.view_document(support.stand(first))
        acts.give_consent(support.stand(first), sha256=consents.current("en").sha256)
    with pytest.raises(CannotBeSigned) as raised:
        correct(first.id)
    assert raised.value.errors[0]["pointer"] == "/signer"


def test_whoever_handed_it_on_is_not_corrected(place):
    agreement = support.sent(place, may_delegate=True)
    first = support.signer(agreement)
    with tenant(place.id):
        acts.delegate_signing(support.stand(first), name="Dana Deputy", email="dana@signer.example")
        with pytest.raises(CannotBeSigned) as raised:
            sending.correct_signer(
                actor=place.actor(),
                agreement_id=agreement.id,
                signer_id=first.id,
                name="Kim",
                email="kim@signer.example",
            )
    assert raised.value.errors[0]["pointer"] == "/signer"


def test_what_is_out_is_not_removed_and_what_is_over_goes_whole_but_for_the_trail(place):
    agreement = support.sent(place, 1)
    actor = place.actor()
    with tenant(place.id):
        with pytest.raises(NotOver):
            sending.remove_agreement(actor=actor, agreement_id=agreement.id)
        sending.void_agreement(actor=actor, agreement_id=agreement.id, reason="x")
        sending.remove_agreement(actor=actor, agreement_id=agreement.id)
        for model in (Step, Field, Signer):
            assert not model.objects.filter(agreement_id=agreement.id).exists()
        assert not Agreement.objects.filter(id=agreement.id).exists()
        event = AuditEvent.objects.filter(tag__startswith="agreement").latest("index")
    assert event.tag == "agreement:removed"
    with pytest.raises(NotFound):
        papers.read(place.id, agreement.document_id)


def test_it_is_seen_and_changed_by_who_made_it_and_seen_by_who_reads_the_trail(place):
    analyst = make_member(place, Role.DEVELOPER)
    other = make_member(place, Role.DEVELOPER)
    mine = support.sent(place, actor=place.actor(Role.DEVELOPER, analyst))
    with tenant(place.id):
        for act in (
            lambda: sending.remind_signers(actor=place.actor(Role.DEVELOPER, other), agreement_id=mine.id),
            lambda: sending.remove_agreement(actor=place.actor(Role.DEVELOPER, other), agreement_id=mine.id),
        ):
            with pytest.raises(NotFound):
                act()
        with pytest.raises(Denied):
            sending.remind_signers(actor=place.actor(Role.AUDITOR, other), agreement_id=mine.id)
        assert sending.remind_signers(actor=place.actor(Role.DEVELOPER, analyst), agreement_id=mine.id) == 1
        assert sending.extend_agreement(actor=place.actor(), agreement_id=mine.id, days=3).state == "sent"
