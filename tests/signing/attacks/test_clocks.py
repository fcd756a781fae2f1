"""Clocks that are wrong: a web process an hour ahead of another, or one that was set back between two steps."""

from datetime import timedelta

import orjson
import pytest
from django.db import transaction

from audit.models import AuditEvent
from hq.db.context import tenant
from hq.lib import clock
from hq.lib.clock import now as true_now
from signing import consents
from signing.actions import acts, bundle, chain, door, sending, upkeep
from signing.actions.faults import NotSent, NotYourTurn
from signing.models import Agreement
from signing.tasks import sweep
from tests.factories import ORIGIN, make_place, run_jobs
from tests.signing import support
from tests.signing.core.test_chain import check, lines_of
from tests.verify.program import run

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


@pytest.fixture
def place():
    return make_place()


@pytest.fixture
def off(monkeypatch):
    """Set the clock of the process that acts next off by so much."""

    def by(much):
        for module in (chain, acts, door, sending, upkeep):
            monkeypatch.setattr(module, "now", lambda: clock.now() + much)

    return by


def times(agreement):
    return [orjson.loads(step.document)["at"] for step in support.steps(agreement)]


@pytest.mark.parametrize("much", [-HOUR, HOUR], ids=["behind", "ahead"])
def test_times_never_go_back_in_a_chain_whatever_a_clock_says(place, off, much, tmp_path):
    agreement = support.sent(place, 2)
    first, second = support.signers(agreement)
    off(much)
    support.sign(first)
    off(timedelta(0))
    support.sign(second)
    run_jobs()
    agreement = support.fresh(agreement)
    assert agreement.state == "sealed"
    assert times(agreement) == sorted(times(agreement))
    assert check(lines_of(agreement), agreement.id, bytes(agreement.head)) == ""
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle.bundle_of(agreement))
    assert run(path).returncode == 3  # it holds; whose keys they are, nobody has told it
    with tenant(place.id):
        events = list(AuditEvent.objects.order_by("environment_id", "index").values_list("environment_id", "at"))
    assert events == sorted(events)


def test_nothing_is_signed_at_a_time_that_the_chain_says_was_too_late(place, off):
    agreement = support.sent(place)
    one = support.signer(agreement)
    support.consent(one)
    with tenant(place.id):
        Agreement.objects.filter(id=agreement.id).update(expires_at=true_now() + HOUR / 2)
    off(HOUR)
    with tenant(place.id):
        chain.add_step(support.fresh(agreement), "code_sent", origin=ORIGIN, signer=one)
    off(timedelta(0))
    with tenant(place.id), pytest.raises(NotYourTurn):
        acts.sign_agreement(support.stand(one), values={}, signature=support.TYPED, label="Sign")
    assert support.kinds(agreement)[-1] == "code_sent"


ACTS = {
    "viewed": acts.view_document,
    "consented": lambda standing: acts.give_consent(standing, sha256=consents.current("en").sha256),
    "signed": lambda standing: acts.sign_agreement(standing, values={}, signature=support.TYPED, label="Sign"),
    "declined": lambda standing: acts.decline_agreement(standing, reason="No"),
    "delegated": lambda standing: acts.delegate_signing(standing, name="Bo", email="bo@b.example"),
}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_that_begins_in_time_and_ends_too_late_is_none(place, monkeypatch, act):
    agreement = support.sent(place, may_delegate=True)
    one = support.signer(agreement)
    if act != "viewed":
        with tenant(place.id):
            acts.view_document(support.stand(one))
    if act == "signed":
        support.consent(one)
    before = support.kinds(agreement)
    assert agreement.expires_at
    moment = timedelta(milliseconds=1)
    told = [agreement.expires_at - moment, agreement.expires_at + moment]
    monkeypatch.setattr(chain, "now", lambda: told.pop(0))
    with pytest.raises(NotYourTurn), transaction.atomic(), tenant(place.id):
        ACTS[act](support.stand(one))
    assert told == []
    assert support.kinds(agreement) == before
    assert support.fresh(agreement).state == "sent"


def test_what_a_clock_ahead_has_ended_stays_ended(place, off):
    agreement = support.sent(place, days=1)
    one = support.signer(agreement)
    support.consent(one)
    off(timedelta(days=2))
    sweep()
    with tenant(place.id):
        Agreement.objects.filter(id=agreement.id).update(expires_at=true_now() - HOUR)
    sweep()
    run_jobs()
    off(timedelta(0))
    assert support.kinds(agreement)[-1] == "expired"
    with tenant(place.id):
        with pytest.raises(NotYourTurn):
            acts.sign_agreement(support.stand(one), values={}, signature=support.TYPED, label="Sign")
        with pytest.raises(NotSent):
            sending.extend_agreement(actor=place.actor(), agreement_id=agreement.id, days=5)
