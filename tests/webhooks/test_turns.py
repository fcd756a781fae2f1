"""Organizations take turns: one with much to send holds up no other, whose events came after all of its own."""

from threading import Thread
from typing import Any

import pytest
from django.db import connection

from jobs import actions as jobs
from tests.factories import Place, make_place
from tests.webhooks.support import Receiver, deliveries, hook, send_all
from webhooks.tasks import AT_ONCE

pytestmark = pytest.mark.django_db(transaction=True)


def backlog(place: Place, url: str, endpoints: int) -> set[str]:
    """Each endpoint is told of itself and of those after it. What is to be sent, by its message."""
    for _ in range(endpoints):
        hook(place, url, "webhook:created")
    return {str(row.id) for row in deliveries(place)}


def by_organization(receiver: Receiver, place: Place) -> list[bool]:
    """Of what arrived, in its order: whether it was this organization's."""
    ours = {str(row.message_id) for row in deliveries(place)}
    return [message.headers["webhook-id"] in ours for message in receiver.got]


def work() -> None:
    try:
        send_all()
    finally:
        connection.close()


def test_an_organization_with_a_backlog_leaves_others_their_turns(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ring", lambda lane: None)
    late = make_place()
    much, little = backlog(place, receiver.url, 8), backlog(late, receiver.url, 3)
    assert (len(much), len(little)) == (36, 6)
    threads: list[Any] = [Thread(target=work) for _ in range(AT_ONCE + 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    send_all()
    arrived = by_organization(receiver, late)
    assert len(arrived) == len(much) + len(little)
    last = len(arrived) - arrived[::-1].index(True)
    assert last - len(little) < len(much) / 2, arrived
