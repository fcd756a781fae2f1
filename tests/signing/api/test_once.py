"""Making and sending under one Idempotency-Key: done once, though what is long lies outside of its transaction."""

import os
from base64 import b64encode
from typing import Any

import pytest

from hq.db.context import tenant
from signing.models import Agreement, Paper
from tests.factories import make_place
from tests.signing.api.test_agreements_api import PEOPLE, TEXT, Api
from tests.signing.paper.pdfs import pdf
from tests.web.idempotent import new_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api():
    return Api(make_place())


def once(api, path, body, key):
    return api("post", path, body, **{"idempotency-key": key})


def long(document):
    """A megabyte and a half of a page that draws nothing."""
    document.pages[0].Contents = document.make_stream(b"% " + os.urandom(1_500_000).hex().encode())


def kept(api):
    with tenant(api.place.id):
        return Agreement.objects.count(), Paper.objects.count()


def test_it_is_made_once_and_answered_as_often_as_it_is_asked_for(api):
    key, body = new_key(), {"title": "NDA", "text": TEXT}
    first, second = (once(api, "agreements", body, key) for _ in range(2))
    assert (first.status_code, first.get("Idempotency-Replayed")) == (201, None)
    assert (second.content, second["Idempotency-Replayed"]) == (first.content, "true")
    other = once(api, "agreements", body | {"title": "Other"}, key)
    assert (other.status_code, other.json()["type"].rpartition("/")[2]) == (422, "idempotency-key-reused")
    assert kept(api) == (1, 1)


def test_a_pdf_larger_than_what_is_kept_of_a_request_is_made_once_too(api):
    key, content = new_key(), b64encode(pdf(long)).decode()
    answers = [once(api, "agreements", {"title": "NDA", "pdf": content}, key) for _ in range(2)]
    assert [(one.status_code, one.get("Idempotency-Replayed")) for one in answers] == [(201, None), (201, "true")]
    assert kept(api) == (1, 1)


def test_it_is_sent_once_and_told_again_even_when_it_is_gone(api):
    path = f"agreements/{api('post', 'agreements', {'title': 'NDA', 'text': TEXT}).json()['id']}"
    key = new_key()
    assert once(api, f"{path}/send", None, key).status_code == 400  # nobody signs it yet, so nothing was done
    api("put", f"{path}/signers", {"signers": PEOPLE})
    first = once(api, f"{path}/send", None, key)
    assert (first.status_code, first.json()["state"]) == (200, "sent")
    assert api("post", f"{path}/send").status_code == 409
    assert (
        api("post", f"{path}/void", {"reason": "x"}).status_code,
        api("delete", path).status_code,
    ) == (200, 204)
    again = once(api, f"{path}/send", None, key)
    assert (again.status_code, again.content, again["Idempotency-Replayed"]) == (200, first.content, "true")


def test_while_it_is_being_made_the_same_is_asked_to_wait(api, monkeypatch):
    from signing.actions import drafts

    key, body = new_key(), {"title": "NDA", "text": TEXT}
    inner: list[Any] = []
    prepare = drafts.prepare_agreement

    def twice(**more):
        """The same comes again after it was looked for and before it is made."""
        if not inner:
            inner.append(None)
            inner.append(once(api, "agreements", body, key))
        return prepare(**more)

    monkeypatch.setattr(drafts, "prepare_agreement", twice)
    outer = once(api, "agreements", body, key)
    assert (outer.status_code, outer.content, outer["Idempotency-Replayed"]) == (201, inner[1].content, "true")
    assert kept(api)[0] == 1
