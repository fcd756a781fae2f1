"""Codes by mail: what a mail server that is away, a clock and a counter tell of them."""

from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes

import pytest
from django.core.cache import cache
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hq.authz.actor import Origin
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from signing.actions import door, inbox
from signing.actions.faults import TooManyCodes, WrongCode
from signing.models import Code
from tests.factories import ORIGIN, run_jobs
from tests.signing.sealing.postbox import postbox
from tests.signing.signer.support import CODE, asked, code_for
from tests.signing.support import kinds, link, person, sent, signer, steps

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = "nobody@signer.example"


@pytest.mark.parametrize("said", [451, 550])
def test_a_code_that_cannot_be_mailed_is_no_step_and_the_signer_is_told(place, said):
    agreement = sent(place)
    one = signer(agreement)
    cache.clear()
    with postbox({one.email: said}):
        answer = Client().post(link(one), {"act": "send"})
    assert answer.status_code == 503
    assert "could not be mailed" in answer.content.decode()
    assert "code_sent" not in kinds(agreement)


def test_a_code_for_the_list_is_mailed_once_the_mail_server_is_back(place):
    one = signer(sent(place))
    run_jobs("network")
    cache.clear()
    inbox.ask_for_documents(organization_id=place.id, email=one.email, origin=ORIGIN)
    with postbox({one.email: 451}):
        run_jobs("network")
    with tenant(place.id):
        Job.objects.filter(kind="signing.inbox_code", state=Job.State.QUEUED).update(run_at=now())
    with postbox() as box:
        run_jobs("network")
    (letter,) = [message_from_bytes(each).get_payload() for each in box.taken]
    code = CODE.search(str(letter).replace("\r", ""))
    assert code is not None
    assert inbox.enter_inbox(organization_id=place.id, email=one.email, code=code[1], origin=ORIGIN)


def test_a_wrong_code_is_as_much_work_for_an_address_that_nobody_wrote_to(place):
    one = signer(sent(place))
    for email in (one.email, NOBODY):
        cache.clear()
        inbox.ask_for_documents(organization_id=place.id, email=email, origin=ORIGIN)
        run_jobs("network")
    with tenant(place.id):
        assert Code.objects.count() == 2
    asked_of = []
    for email in (one.email, NOBODY):
        with CaptureQueriesContext(connection) as queries, pytest.raises(WrongCode):
            inbox.enter_inbox(organization_id=place.id, email=email, code="no code", origin=ORIGIN)
        asked_of.append([each["sql"].split(" ", 1)[0] for each in queries.captured_queries])
    assert asked_of[0] == asked_of[1]
    assert "UPDATE" in asked_of[0]


def test_of_tries_at_the_same_moment_no_more_count_than_of_tries_one_by_one(place):
    one = signer(sent(place))
    asked(one)
    wrong = f"{(int(code_for(one)) + 1) % 1_000_000:06}"

    def guess(_):
        try:
            with transaction.atomic(durable=True), tenant(place.id):
                return door.take_code(place.id, bytes(one.email_index), wrong, one)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        tried = list(pool.map(guess, range(16)))
    assert (tried.count(False), tried.count(None)) == (door.TRIES, 16 - door.TRIES)


def test_who_has_a_link_cannot_make_a_chain_longer_than_can_be_checked(place):
    agreement = sent(place, [person(1, method="link")])
    token = link(signer(agreement)).rpartition("/")[2]
    before = len(steps(agreement))
    cache.clear()
    for number in range(40):
        door.enter(token=token, code="", origin=Origin(ip=f"192.0.2.{number}"))
    with pytest.raises(TooManyCodes) as refused:
        door.enter(token=token, code="", origin=Origin(ip="192.0.2.99"))
    assert len(steps(agreement)) - before == 40
    assert refused.value.wait is not None
    assert refused.value.wait > 60 * 30
