"""What tests of the pages of keys begin with: a place, its people's browsers, and reading a page as people do."""

import re

from django.test import Client

from hq.authz.roles import Role
from hq.db.context import tenant
from keys import actions, rings
from keys.models import Cmk, Destruction, Rotation
from tests.factories import Place, make_member, make_place, sign_in
from vault import actions as vault


class World:
    """A place with a file, its owner's browser, and a second owner's."""

    def __init__(self) -> None:
        self.place: Place = make_place("Alder Peak")
        self.client = sign_in(self.place.owner)
        self.second = make_member(self.place, Role.ADMIN, name="Tomasz Wrona")
        vault.put_object(actor=self.place.actor(), path="a/b", chunks=[b"content"])

    def url(self, rest: str = "") -> str:
        return f"/o/{self.place.slug}/live/keys/{rest}"

    def page(self, rest: str = "", client: Client | None = None, status: int = 200) -> str:
        """What a page says, as text without markup."""
        answer = (client or self.client).get(self.url(rest))
        assert answer.status_code == status, answer.content
        return text_of(answer)

    def post(self, rest: str, client: Client | None = None, **data: object):
        return (client or self.client).post(self.url(rest), data)

    @property
    def cmk(self) -> Cmk:
        with tenant(self.place.id):
            return Cmk.objects.get(organization_id=self.place.id, retired_at=None)

    def rotation(self) -> Rotation:
        with tenant(self.place.id):
            return Rotation.objects.select_related("cmk").latest("id")

    def wish(self) -> Destruction:
        with tenant(self.place.id):
            return Destruction.objects.select_related("cmk").latest("id")

    def change(self, rows, **values: object) -> None:
        with tenant(self.place.id):
            rows.update(**values)

    def ask(self) -> Destruction:
        actions.request_destruction(
            actor=self.place.actor(), key_id=self.cmk.id, days=30, reason="We leave", erase=True
        )
        return self.wish()

    def agree(self) -> Destruction:
        actor = self.place.actor(Role.ADMIN, self.second)
        actions.approve_destruction(actor=actor, destruction_id=self.wish().id)
        rings.forget()
        return self.wish()


def text_of(answer) -> str:
    body = re.sub(r"<(script|style|template).*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#x27;", "'").split())


def has(page: str, *sentences: str) -> None:
    for sentence in sentences:
        assert sentence in page, (sentence, page)
