"""Ten browsers with one link, at once: exactly one comes in."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from artifacts import actions
from artifacts.actions import door
from artifacts.models import ArtifactVisit
from hq.db.context import tenant
from tests.artifacts.conftest import deploy, make_artifact
from tests.edge.asking import ask
from tests.factories import make_place

HANDS = 10


@pytest.mark.django_db(transaction=True)
def test_one_link_lets_one_in(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door, "OPENINGS_OF_LINK", (100, 1))
    place = make_place()
    artifact = make_artifact(place, "link")
    deploy(place, artifact)
    with tenant(place.id):
        [made] = actions.create_links(actor=place.actor(), artifact_id=artifact.id)
    together = Barrier(HANDS)

    def hand(_number: int) -> int:
        together.wait()
        try:
            return ask(artifact.label, "/_hq/open", "POST", form={"t": made.token}).status
        finally:
            connection.close()

    with ThreadPoolExecutor(HANDS) as hands:
        assert Counter(hands.map(hand, range(HANDS))) == {303: 1, 404: HANDS - 1}
    with tenant(place.id):
        assert Counter(row.reason or row.kind for row in ArtifactVisit.objects.all()) == {"opened": 1, "spent": 9}
