"""How many strangers one organization, or whoever has one key of it, can have HQ write to in a day."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db.models import F

from hq.db.context import tenant
from jobs.models import Job
from signing.actions import bulk, ceiling, sending
from signing.actions.ceiling import TooManyMails
from signing.actions.templates import keep_as_template
from signing.models import Agreement, Batch
from signing.tasks import sweep
from tests.factories import make_place, run_jobs, sign_in
from tests.signing import support
from tests.signing.api.test_agreements_api import Api

pytestmark = pytest.mark.django_db(transaction=True)
MOST = 4
TABLE = b"name,email\n" + b"".join(b"P%d,p%d@a.example\n" % (at, at) for at in range(6))


@pytest.fixture
def place(monkeypatch):
    monkeypatch.setattr(ceiling, "MAILS_A_DAY", MOST)
    return make_place()


def mails(place):
    with tenant(place.id):
        return Job.objects.filter(kind="signing.mail").count()


def test_what_would_go_beyond_the_day_is_refused_whole_and_the_answer_says_until_when(place):
    support.sent(place, 3)
    draft = support.make_agreement(place, 2)
    answer = Api(place)("post", f"agreements/{draft.id}/send")
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (429, "too-many-mails")
    assert 0 < int(answer["Retry-After"]) <= 24 * 60 * 60 // MOST
    assert "in a day" in answer.json()["detail"]
    assert support.fresh(draft).state == "draft"
    assert mails(place) == 3
    assert support.sent(place).state == "sent"  # one more is left, and what was refused took nothing of it
    assert support.sent(make_place(), 3).state == "sent"


def test_a_person_is_refused_in_the_portal_too_and_keeps_the_draft(place):
    support.sent(place, MOST)
    draft = support.make_agreement(place)
    answer = sign_in(place.owner).post(f"/o/{place.slug}/live/agreements/{draft.id}/review")
    assert answer.status_code == 429
    assert b"as many mails sent about agreements as it may in a day" in answer.content
    assert int(answer["Retry-After"]) > 0
    assert support.fresh(draft).state == "draft"


def test_reminders_and_corrected_addresses_count_as_invitations_do(place):
    agreement = support.sent(place, 2)
    one = support.signer(agreement)
    to = {"name": "Kim", "email": "kim@signer.example"}
    with tenant(place.id):
        sending.correct_signer(actor=place.actor(), agreement_id=agreement.id, signer_id=one.id, **to)
        with pytest.raises(TooManyMails):
            sending.remind_signers(actor=place.actor(), agreement_id=agreement.id)
        sending.correct_signer(actor=place.actor(), agreement_id=agreement.id, signer_id=one.id, **to)
        with pytest.raises(TooManyMails):
            sending.correct_signer(actor=place.actor(), agreement_id=agreement.id, signer_id=one.id, **to)
    assert support.kinds(agreement) == ["created", "sent", "corrected", "corrected"]
    assert mails(place) == 4


def test_signers_lose_nothing_by_it(place):
    agreement = support.sent(place, [support.person(1, turn=1), support.person(2, turn=2), support.person(3, turn=3)])
    support.sent(place)
    support.sign_all(agreement)
    run_jobs()
    assert support.fresh(agreement).state == "sealed"


def test_a_table_goes_on_when_there_are_mails_again(place):
    made = support.make_agreement(place)
    with tenant(place.id):
        template = keep_as_template(actor=place.actor(), agreement_id=made.id, name="NDA", text=support.text_for([]))
        batch = bulk.check_table(actor=place.actor(), template_id=template.id, content=TABLE)
        bulk.send_batch(actor=place.actor(), batch_id=batch.id)
    run_jobs()
    with tenant(place.id):
        assert (Batch.objects.get().state, Batch.objects.get().sent) == ("sending", MOST)
        (job,) = Job.objects.filter(kind="signing.bulk")
        assert (job.state, job.attempts) == (Job.State.QUEUED, 0)
        assert job.message == "Waits: as many mails were sent as a day allows"
        job.run_at = made.created_at
        job.save()
    cache.clear()  # they are counted there
    run_jobs()
    with tenant(place.id):
        assert (Batch.objects.get().state, Batch.objects.get().sent) == ("done", 6)
        assert Agreement.objects.filter(template=template).count() == 6


def test_reminders_by_itself_wait_as_well(place):
    one, other = support.sent(place, 2, remind_every=1), support.sent(place, 2, remind_every=1)
    with tenant(place.id):
        Agreement.objects.update(sent_at=F("sent_at") - timedelta(days=2))
    sweep()
    run_jobs()
    kinds = [support.kinds(each)[-1] for each in (one, other)]
    assert kinds == ["sent", "sent"]
    cache.clear()  # they are counted there
    sweep()
    run_jobs()
    assert [support.kinds(each)[-1] for each in (one, other)] == ["reminded", "reminded"]


def test_while_nothing_can_be_counted_it_goes_on(place, settings):
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"
    assert support.sent(place, 5).state == "sent"
