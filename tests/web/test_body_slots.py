"""Slow senders do not take every thread."""

import json
from typing import Any

import pytest
from django.test import RequestFactory

from hq.web.middleware import BodySlots


@pytest.fixture
def slots(settings):
    settings.BODY_SLOTS = 2
    return BodySlots


def upload():
    return RequestFactory().put("/v1/x", data=b"body", content_type="application/octet-stream")


def test_what_comes_over_the_slots_is_asked_to_wait_and_nothing_else_is(slots):
    answers: list[Any] = []

    def view(request):
        """While two uploads are under way, a third comes, and a request without a body."""
        if len(answers) == 0:
            answers.append("first")
            middleware(upload())
            answers.append(middleware(RequestFactory().get("/healthz")))
        elif len(answers) == 1:
            answers.append(middleware(upload()))
        return "served"

    middleware = slots(view)
    assert middleware(upload()) == "served"
    _, refused, plain = answers
    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert json.loads(refused.content)["type"].endswith("/problems/busy")
    assert plain == "served"


def test_a_slot_is_given_back_whatever_happens(slots):
    def broken(request):
        raise ZeroDivisionError

    middleware = slots(broken)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            middleware(upload())
