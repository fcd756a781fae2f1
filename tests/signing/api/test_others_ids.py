"""Ids of another organization, and of the other environment, below one's own address look like nothing to each act."""

from dataclasses import replace

import pytest

from hq.db.context import tenant
from signing.models import Agreement, Batch, Template
from tests.factories import make_api_key, make_place
from tests.matrix import ENVIRONMENT, Act
from tests.signing.api import acts
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def kept(organization_id):
    with tenant(organization_id):
        agreements = Agreement.objects.order_by("id").values_list("id", "state", "length", "document_id", "expires_at")
        templates = Template.objects.order_by("id").values_list("id", "document_id", "keep_days", "held")
        return list(agreements), list(templates), list(Batch.objects.values_list("id", "state"))


def test_an_id_of_somebody_elses_looks_like_nothing_and_nothing_of_it_changes():
    world, other = World(), make_place("Elsewhere")
    mine, before = world.place, kept(world.place.id)
    named = [row for row in acts.ROWS if "<uuid:id>" in row[0] or "<agreement>" in str(row[3:4])]
    assert len(named) > 20
    for place, environment_id in ((other, other.live_id), (mine, mine.test_id)):
        secret = make_api_key(place, environment_id=environment_id)
        world.place = replace(place, live_id=environment_id)
        urls = [(row, world.url(ENVIRONMENT + row[0])) for row in named]
        world.place = mine
        for row, url in urls:
            act = Act(ENVIRONMENT + row[0], *row[1:])
            body = {} if act.body is None else {"data": world.filled(act.body), "content_type": kind_of(act)}
            headers = {"authorization": f"Bearer {secret}"}
            answer = getattr(world.client, act.method.lower())(url, headers=headers, **body)
            assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (404, "not-found"), (row, url)
    assert kept(mine.id) == before


def kind_of(act):
    return "application/pdf" if isinstance(act.body, bytes) else "application/json"
