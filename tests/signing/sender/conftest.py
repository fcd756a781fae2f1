"""A member's browser at the pages of agreements."""

from dataclasses import dataclass

import pytest
from django.test import Client

from tests.factories import Place, make_place, sign_in


@dataclass
class Desk:
    """Somebody signed in at a place."""

    place: Place
    client: Client

    def at(self, path: str = "") -> str:
        return f"/o/{self.place.slug}/live/agreements/{path}"

    def get(self, path: str = "", **more):
        return self.client.get(self.at(path), **more)

    def post(self, path: str, data=None, **more):
        return self.client.post(self.at(path), data or {}, **more)


@pytest.fixture
def desk(transactional_db: None) -> Desk:
    place = make_place()
    return Desk(place, sign_in(place.owner))
