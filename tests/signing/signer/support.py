"""A signer in front of a browser's stand-in: the link, the code in the mail, the cookie, the page."""

import re
from typing import Any

from django.core import mail
from django.core.cache import cache
from django.http import HttpResponse, HttpResponseBase
from django.test import Client

from signing import consents
from signing.models import Signer
from tests.signing.support import link

CODE = re.compile(r"^(\d{6}) is your code", re.MULTILINE)


def code_for(one: Signer) -> str:
    """The last code that was mailed to somebody."""
    found = [match[1] for each in mail.outbox if each.to == [one.email] and (match := CODE.search(str(each.body)))]
    assert found, f"no code to {one.email}"
    return found[-1]


def asked(one: Signer, client: Client | None = None) -> Client:
    """A browser in which somebody has asked for a code."""
    cache.clear()  # codes and tries are counted there
    client = client or Client()
    answer = client.post(link(one), {"act": "send"})
    assert answer.status_code == 303
    return client


def enter(one: Signer, code: str, client: Client) -> HttpResponseBase:
    return client.post(link(one), {"act": "enter", "code": code})


def arrived(one: Signer, client: Client | None = None) -> Client:
    """A browser whose owner has shown by a code that the mailbox is theirs."""
    client = asked(one, client)
    assert enter(one, code_for(one), client).status_code == 303
    return client


def at(one: Signer, act: str = "") -> str:
    return f"/sign/{one.id}/{act}"


def read(one: Signer, client: Client) -> str:
    """The words of the page."""
    return client.get(at(one)).content.decode()


def agreed(one: Signer, client: Client | None = None) -> Client:
    """A browser whose owner has read the document, and agreed to sign it electronically."""
    client = client or arrived(one)
    client.get(at(one))
    answer = client.post(at(one, "consent"), {"agree": "yes", "sha256": consents.current("en").sha256})
    assert answer.status_code == 303, answer.content
    return client


def signs(one: Signer, client: Client, **more: Any) -> HttpResponse:
    """The button that signs."""
    answer = client.post(at(one, "sign"), {"how": "typed", "text": one.name} | more)
    assert isinstance(answer, HttpResponse)
    return answer
