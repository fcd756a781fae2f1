"""An organization and its keys, for tests of what is sent twice."""

import json
from uuid import uuid4

from django.test import Client

from hq.db.context import tenant
from tenants.models import Answer, Group
from tests.factories import Place, make_api_key, make_place


class Room:
    """POSTs with an Idempotency-Key, by an API key of one organization."""

    def __init__(self, place: Place | None = None) -> None:
        self.place = place or make_place()
        self.secret = make_api_key(self.place)
        self.groups = f"/v1/organizations/{self.place.id}/groups"

    def post(self, url, body, key=None, secret=None, raw=None):
        headers = {"authorization": f"Bearer {secret or self.secret}"} | ({"idempotency-key": key} if key else {})
        data = raw if raw is not None else json.dumps(body)
        return Client().post(url, data=data, content_type="application/json", headers=headers)

    def make_group(self, name="Readers", key=None, **more):
        return self.post(self.groups, {"name": name}, key, **more)

    @property
    def group_names(self):
        with tenant(self.place.id):
            return sorted(Group.objects.values_list("name", flat=True))

    @property
    def answers(self):
        with tenant(self.place.id):
            return [(row.status, row.body) for row in Answer.objects.order_by("at")]


def new_key() -> str:
    return str(uuid4())
