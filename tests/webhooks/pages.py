"""What the tests of webhook pages share."""

import re
from html import unescape
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.test import Client

from hq.db.context import tenant
from tests.factories import Place, sign_in
from webhooks import actions
from webhooks.actions import Made

URL = "https://hooks.alderpeak.example/hq"


class Portal:
    """The owner of a place in a browser."""

    def __init__(self, place: Place, environment: str = "live") -> None:
        self.place = place
        self.client: Client = sign_in(place.owner)
        self.base = f"/o/{place.slug}/{environment}/webhooks/"

    def get(self, page: str = "", **query: str) -> Any:
        return self.client.get(self.base + page, query)

    def post(self, page: str, data: dict[str, Any] | None = None) -> Any:
        return self.client.post(self.base + page, data or {})

    def form(self, page: str, **data: Any) -> dict[str, Any]:
        """The form as its page gives it, filled in."""
        shown = self.get(page).content.decode()
        hidden = re.findall(r'<input type="hidden" name="(once|current)" value="([^"]+)"', shown)
        return {**dict(hidden), **data}

    def make(self, **data: Any) -> Any:
        """The answer to a new endpoint's form."""
        filled = {"name": "Claims intake", "url": URL, "scope": "*"} | data
        return self.post("new", self.form("new", **filled))

    def made(self, **settings: Any) -> Made:
        """An endpoint, by its action."""
        wanted = {"name": "Claims intake", "url": URL, "events": ["*"]} | settings
        with tenant(self.place.id):
            return actions.create_endpoint(actor=self.place.actor(), **wanted)


def text(answer: HttpResponse) -> str:
    """What is to be read on a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def found(pattern: str, answer: HttpResponse) -> str:
    """What the pattern's group holds, or all of it."""
    match = re.search(pattern, answer.content.decode())
    assert match, pattern
    return unescape(match[match.lastindex or 0])


def id_in(answer: HttpResponse) -> UUID:
    """The endpoint that a page leads to."""
    return UUID(found(r'/webhooks/([0-9a-f-]{36})"', answer))
