"""Every POST of /v1 by a key is done once under one Idempotency-Key, and no answer that is kept has a secret in it."""

import json
import re

import pytest

from hq.db.context import tenant
from tenants.models import Answer
from tests.matrix import V1
from tests.web.idempotent import new_key
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
# What every secret of HQ's begins with.
SECRET = re.compile(r"\b(?:hd_(?:live|test)|hq[a-z]|whsec)_[A-Za-z0-9_+/-]")
# Nothing is done by it: it asks an issuer, outside of any transaction, whether a token would hold.
ONLY_ASKS = "v1/environments/<uuid:environment_id>/workload-trusts/<uuid:id>/dry-run"
# Addresses of parts are asked for as often as parts are sent, and open to nobody who lost them: none is kept.
_ADDRESSES = "v1/environments/<uuid:environment_id>/uploads/<uuid:id>/parts"
# Bytes are stored outside of the request’s transaction, so no answer is kept. Completing twice makes one version.
_STREAMED = {
    f"v1/environments/<uuid:environment_id>/{route}"
    for route in (
        "artifacts/<uuid:id>/deployments",
        "artifacts/<uuid:id>/folder-deployments",
        "uploads/<uuid:id>/complete",
    )
}
# Outside of any transaction too: AWS lends a session each time, which is kept nowhere; and a log that has not grown has
# the checkpoint that it had.
_OUTSIDE = {
    f"v1/environments/<uuid:environment_id>/{route}" for route in ("audit/checkpoints", "credentials/<uuid:id>/direct")
}
NOT_KEPT = {ONLY_ASKS, _ADDRESSES} | _STREAMED | _OUTSIDE
POSTS = [act for act in V1 if act.method == "POST" and act.route not in NOT_KEPT]


def sent(world, act, key):
    headers = {"authorization": f"Bearer {world.secret}", "idempotency-key": key}
    data = "" if act.body is None else world.filled(act.body)
    return {"data": data, "content_type": "application/json", "headers": headers}


def test_every_post_is_repeated_without_what_is_shown_once():
    world = World()
    for act in [act for act in V1 if act.method != "DELETE"]:  # in their order: some need what others did
        if act not in POSTS:
            world.act(act)
            continue
        key, url = new_key(), world.url(act.route)
        first = world.client.post(url, **sent(world, act, key))
        assert first.status_code == act.answers, (act.route, first.content)
        second = world.client.post(url, **sent(world, act, key))
        assert (second.status_code, second.get("Idempotency-Replayed")) == (act.answers, "true"), (
            act.route,
            second.content,
        )
        assert not SECRET.search(second.content.decode()), act.route
        if SECRET.search(first.content.decode()):
            withheld = second["Idempotency-Withheld"].split(", ")
            assert json.loads(second.content) == json.loads(first.content) | dict.fromkeys(withheld), act.route
        else:
            assert second.content == first.content, act.route
    with tenant(world.place.id):
        kept = [row.body for row in Answer.objects.all()]
    assert len(kept) == len(POSTS)
    assert not any(SECRET.search(body) for body in kept)


def test_a_post_that_only_asks_minds_no_key():
    world = World()
    [asks] = [act for act in V1 if act.route == ONLY_ASKS]
    answers = [world.client.post(world.url(asks.route), **sent(world, asks, "same")) for _ in range(2)]
    assert [(answer.status_code, answer.get("Idempotency-Replayed")) for answer in answers] == [(200, None)] * 2
