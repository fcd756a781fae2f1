"""Two who seal, mail or look after the same agreement at the same moment: one does, and the other leaves nothing."""

from datetime import timedelta
from threading import Thread

import pytest
from django.core import mail
from django.db import connections, transaction

from hq.db.context import tenant
from hq.db.locks import hold
from hq.lib.clock import now
from jobs import actions as jobs
from jobs.models import Job
from signing import selectors
from signing.actions import acts, sealing, seals, upkeep
from signing.models import SealKey
from signing.tasks import sweep
from tests.factories import make_place, run_jobs
from tests.signing import support
from tests.signing.core.conftest import lapse, meanwhile
from tests.signing.sealing.postbox import postbox
from vault.models import Blob

pytestmark = pytest.mark.django_db(transaction=True)
SAM = "sam1@signer.example"


@pytest.fixture
def place():
    return make_place()


def blobs(place):
    with tenant(place.id):
        return Blob.objects.count()


def job_of(place, kind):
    with tenant(place.id):
        return Job.objects.filter(kind=kind).latest("id")


def test_of_two_who_seal_it_the_second_keeps_nothing_of_what_it_made(place, monkeypatch):
    """One job is never two workers' at once, so this one has a second job."""
    agreement = support.sign_all(support.sent(place))
    before, true = blobs(place), sealing._sealed

    def slow(whole, pdf):
        made = true(whole, pdf)
        monkeypatch.setattr(sealing, "_sealed", true)
        with tenant(place.id):
            jobs.enqueue("signing.seal", organization_id=place.id, payload={"agreement": str(agreement.id)})
        run_jobs()
        return made

    monkeypatch.setattr(sealing, "_sealed", slow)
    run_jobs()
    assert support.fresh(agreement).state == "sealed"
    assert support.kinds(agreement).count("sealed") == 1
    with tenant(place.id):
        ended = Job.objects.filter(kind="signing.seal").order_by("id").values_list("state", "result")
        assert [(state, (result or {})["sealed"]) for state, result in ended] == [("DONE", False), ("DONE", True)]
    assert blobs(place) == before + 1


def test_what_was_sealed_and_cannot_be_kept_leaves_no_file(place, monkeypatch):
    support.sign_all(support.sent(place))
    before = blobs(place)

    def broken(_):
        raise RuntimeError

    monkeypatch.setattr(sealing, "count_pages", broken)
    run_jobs()
    assert job_of(place, "signing.seal").state == Job.State.QUEUED
    assert blobs(place) == before


def test_who_needs_a_key_waits_for_the_one_that_is_being_made(place):
    root = seals.ensure_seal_root()
    taken: list[seals.SealingKey] = []

    def make():
        hold(f"hq.signing:seal:{place.id}")
        seals._make(place.id, root)

    assert meanwhile(place, make, lambda: taken.append(seals.sealing_key(place.id))) == ""
    with tenant(place.id):
        assert SealKey.objects.get().certificate == taken[0].key.certificate_pem


def test_a_refused_mail_waits_for_who_acts_and_is_the_step_behind_theirs(place):
    agreement = support.sent(place)
    one = support.signer(agreement)
    with postbox({SAM: 550}):
        assert meanwhile(place, lambda: acts.view_document(support.stand(one)), lambda: run_jobs("network")) == ""
    assert support.kinds(agreement)[-2:] == ["viewed", "bounced"]
    with tenant(place.id):
        assert Job.objects.get(kind="signing.mail", payload__what="invite").attempts == 1


def test_the_beat_waits_for_nobody_who_holds_an_agreement_and_looks_again(place):
    agreement = support.sent(place)
    lapse(agreement)
    sweep()

    def work():
        run_jobs()
        connections.close_all()

    with transaction.atomic(), tenant(place.id):
        selectors.lock_agreement(place.id, agreement.id)
        beat = Thread(target=work)
        beat.start()
        beat.join(timeout=20)
        assert not beat.is_alive()
    assert support.kinds(agreement)[-1] == "sent"
    sweep()
    run_jobs()
    assert support.kinds(agreement)[-1] == "expired"


def test_whose_time_is_over_is_reminded_of_nothing_though_nothing_has_ended_it(place, monkeypatch):
    agreement = support.sent(place, remind_every=1)
    with tenant(place.id):
        type(agreement).objects.filter(id=agreement.id).update(sent_at=now() - timedelta(days=2))
    lapse(agreement)
    monkeypatch.setattr(upkeep, "_expire_one", lambda _job: False)  # somebody held it at that moment
    mail.outbox.clear()
    sweep()
    run_jobs()
    assert support.kinds(agreement)[-1] == "sent"
