"""Many hands at one agreement at once, by connections of their own: no step is lost, doubled or too late."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from audit.models import AuditEvent
from hq.db.context import tenant
from hq.lib.errors import Problem
from jobs.models import Job
from signing.actions import acts, sending
from signing.tasks import sweep
from tests.factories import make_place, run_jobs
from tests.signing import support
from tests.signing.core.conftest import lapse
from tests.signing.core.test_chain import check, lines_of

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 4


@pytest.fixture
def place():
    return make_place()


def together(*works: Callable[[], object]) -> list[str]:
    """All of them at the same moment; how each ended: "" or the name of the refusal."""
    start = Barrier(len(works))

    def one(work):
        try:
            start.wait()
            work()
        except Problem as refusal:
            return type(refusal).__name__
        finally:
            connections.close_all()
        return ""

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def within(place, act, *args, **more):
    def run():
        with tenant(place.id):
            act(*args, **more)

    return run


def signing(place, one):
    return within(place, acts.sign_agreement, support.stand(one), values={}, signature=support.TYPED, label="Sign")


def holds(agreement) -> bool:
    now = support.fresh(agreement)
    return check(lines_of(now), now.id, bytes(now.head)) == "" and now.length == len(support.steps(now))


def test_eight_who_sign_at_once_are_eight_steps_and_one_seal(place):
    agreement = support.sent(place, 8)
    everybody = support.signers(agreement)
    assert together(*(lambda one=one: support.consent(one) for one in everybody)) == [""] * 8
    assert together(*(signing(place, one) for one in everybody)) == [""] * 8
    kinds = Counter(support.kinds(agreement))
    assert kinds == {"created": 1, "sent": 1, "viewed": 8, "consented": 8, "signed": 8}
    assert support.fresh(agreement).state == "signed"
    assert holds(agreement)
    with tenant(place.id):
        assert Job.objects.filter(kind="signing.seal").count() == 1
        assert AuditEvent.objects.filter(tag="agreement:signed").count() == 8


def test_one_who_signs_in_eight_windows_has_signed_once(place):
    agreement = support.sent(place, 2)
    one = support.signer(agreement)
    support.consent(one)
    ended = together(*[signing(place, one)] * 8)
    assert Counter(ended) == {"": 1, "NotYourTurn": 7}
    assert support.kinds(agreement).count("signed") == 1
    assert holds(agreement)


@pytest.mark.parametrize(
    ("other", "state", "refusal"), [("void", "voided", "NotSent"), ("decline", "declined", "NotYourTurn")]
)
def test_signing_and_ending_it_at_once_leave_one_of_both(place, other, state, refusal):
    """Whoever comes first: what was signed by everybody is not ended, and what has ended is not signed."""
    for _ in range(ROUNDS):
        agreement = support.sent(place, 1 if other == "void" else 2)
        first, *rest = support.signers(agreement)
        support.consent(first)
        acting = {
            "void": within(
                place, sending.void_agreement, actor=place.actor(), agreement_id=agreement.id, reason="Too late"
            ),
            "decline": within(place, acts.decline_agreement, support.stand(rest[0] if rest else first), reason="No"),
        }[other]
        signed, ended = together(signing(place, first), acting)
        kinds = support.kinds(agreement)
        assert (signed, ended) in {("", refusal), ("NotYourTurn", "")} | ({("", "")} if rest else set())
        assert (kinds.count("signed"), kinds.count(state)) == (int(signed == ""), int(ended == ""))
        if ended == "":
            assert (support.fresh(agreement).state, kinds[-1]) == (state, state)
        assert holds(agreement)


def test_signing_and_the_end_of_its_time_at_once_leave_one_of_both(place):
    for _ in range(ROUNDS):
        agreement = support.sent(place)
        one = support.signer(agreement)
        support.consent(one)
        lapse(agreement)

        sweep()
        signed, _ = together(signing(place, one), run_jobs)
        assert signed == "NotYourTurn"  # its time was over for both
        sweep()
        run_jobs()  # the first passes by whatever somebody holds
        assert support.kinds(agreement)[-1] == "expired"
        assert holds(agreement)


def test_whoever_signs_in_time_has_signed_whatever_sweeps_meanwhile(place):
    for _ in range(ROUNDS):
        agreement = support.sent(place)
        one = support.signer(agreement)
        support.consent(one)
        sweep()
        assert together(signing(place, one), run_jobs)[0] == ""
        assert support.kinds(agreement).count("expired") == 0


def test_handing_on_twice_at_once_hands_on_once(place):
    for _ in range(ROUNDS):
        agreement = support.sent(place, may_delegate=True)
        one = support.signer(agreement)
        to = [{"name": f"D{number}", "email": f"d{number}@signer.example"} for number in range(4)]
        ended = together(*(within(place, acts.delegate_signing, support.stand(one), **each) for each in to))
        assert Counter(ended) == {"": 1, "NotYourTurn": 3}
        assert [each.state for each in support.signers(agreement)] == ["delegated", "sent"]
        assert holds(agreement)


def test_handing_on_and_signing_at_once_leave_one_of_both(place):
    for _ in range(ROUNDS):
        agreement = support.sent(place, 2, may_delegate=True)
        one = support.signer(agreement)
        support.consent(one)
        handing = within(place, acts.delegate_signing, support.stand(one), name="Dana", email="dana@signer.example")
        assert sorted(together(signing(place, one), handing)) == ["", "NotYourTurn"]
        kinds = support.kinds(agreement)
        assert kinds.count("signed") + kinds.count("delegated") == 1
        assert holds(agreement)


def test_correcting_and_reading_at_once_leave_no_stranger_in(place):
    for _ in range(ROUNDS):
        agreement = support.sent(place)
        one = support.signer(agreement)
        to = {"name": "Kim", "email": "kim@signer.example"}
        correct = within(
            place, sending.correct_signer, actor=place.actor(), agreement_id=agreement.id, signer_id=one.id, **to
        )
        together(within(place, acts.view_document, support.stand(one)), correct)
        now = support.signer(agreement)
        seen = [step.detail["email"] for step in support.steps(agreement) if step.kind == "viewed"]
        assert (now.email, now.state) in {
            ("kim@signer.example", "sent"),
            ("kim@signer.example", "viewed"),  # read after the correction, by the standing of a test
        }
        assert (now.state == "viewed") == (seen == ["kim@signer.example"])
        assert holds(agreement)


def test_sending_twice_at_once_sends_once(place):
    made = support.make_agreement(place, 2)
    text = sending.text_of(made)
    send = within(place, sending.send_agreement, actor=place.actor(), agreement_id=made.id, text=text)
    assert Counter(together(send, send, send)) == {"": 1, "NotADraft": 2}
    assert support.kinds(made) == ["created", "sent"]
    with tenant(place.id):
        assert Job.objects.filter(kind="signing.mail", payload__what="invite").count() == 2
