"""bin/manage demo fills an organization through the real actions, once."""

import json
from collections import Counter
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from artifacts import selectors as artifacts
from audit import actions as audit
from audit import selectors as trail
from audit.selectors import Filters
from hq.authz.roles import Role
from hq.db.context import tenant
from keys import selectors as keys
from overview.management import story
from retention import selectors as retention
from sharing import selectors as shares
from sharing.models import ShareAttempt
from tenants import selectors
from tenants.models import Organization, User
from tests.factories import Place
from tests.keys.support import settle
from vault import selectors as vault
from vault.models import ObjectVersion
from webhooks import selectors as webhooks
from workloads import selectors as workloads

pytestmark = pytest.mark.django_db(transaction=True)


def demo() -> dict[str, Any]:
    out = StringIO()
    call_command("demo", "--json", stdout=out)
    made: dict[str, Any] = json.loads(out.getvalue())
    return made


def filled() -> Place:
    demo()
    owner = User.objects.get(email=story.OWNER.email)
    belonging = selectors.find_belonging(owner.pk, "alder-peak")
    assert belonging is not None
    with tenant(belonging.organization_id):
        return Place(Organization.objects.get(), owner, belonging.live_id, belonging.test_id)


def test_it_fills_every_page():
    place = filled()
    with tenant(place.id):
        actor = place.actor()
        roles = {member.role for member in selectors.list_members(actor)}
        assert roles == set(Role) - {Role.SERVICE_ACCOUNT}
        assert [invitation.state for invitation in selectors.list_invitations(actor)] == ["open"]
        assert {key.name: key.state for key in selectors.list_api_keys(actor)} == {
            "ci-deploy": "revoked",
            "claims-triage": "active",
        }
        [trust] = workloads.list_trusts(actor)
        exchanges = workloads.list_exchanges(actor, trust_id=trust.id)
        assert [(each.given, each.reason) for each in exchanges] == [(False, "subject"), (True, "")]
        hooks = {row.name: row for row in webhooks.list_endpoints(actor)}
        assert {name: row.state for name, row in hooks.items()} == {
            "Claims intake": "ENABLED",
            "Former dashboard": "DISABLED",
        }
        sent = webhooks.list_deliveries(actor, hooks["Claims intake"].id)
        assert [(each.tag, each.state) for each in sent] == [
            ("webhook:tested", "FAILED"),
            ("object:updated", "PENDING"),
            ("object:created", "PENDING"),
        ]
        stored = vault.list_objects(actor, limit=200)
        assert {version.number for version in stored if isinstance(version, ObjectVersion)} == {1, 2}
        assert len(vault.list_deleted(actor)) == 1
        assert vault.bucket_stats(place.actor(environment_id=place.test_id)).objects == 3


def test_it_leaves_a_rotation_that_ends_by_itself():
    place = filled()
    with tenant(place.id):
        assert keys.list_rotations(place.actor())[0].state == "SETTLING"
        assert keys.list_held(place.actor())
    assert settle(place.id).state == "DONE"


def test_it_shows_links_in_each_state_and_what_was_tried_on_them():
    place = filled()
    with tenant(place.id):
        counted = shares.count_states(place.actor())
        tried = Counter(ShareAttempt.objects.filter(kind="refused").values_list("reason", flat=True))
        addresses = set(ShareAttempt.objects.values_list("ip", flat=True))
    assert counted == {"waiting": 3, "in_use": 2, "spent": 0, "expired": 0, "revoked": 1}
    assert tried == {"spent": 2, "tampered": 1, "revoked": 1}
    assert len(addresses) >= 3


def test_it_shows_what_went_out_and_what_came_in():
    place = filled()
    with tenant(place.id):
        actor = place.actor()
        pinned = [link for link in shares.list_shares(actor) if link.recipient]
        assert [len(pinned), {link.purpose for link in pinned}] == [2, {"What was decided, and why"}]
        [request] = shares.list_requests(actor)
        assert request.files == 1
        came = shares.count_upload_kinds(actor, request.id)
        assert (came["received"], came["refused"]) == (1, 1)
        [site] = artifacts.list_artifacts(actor)
        assert [row.number for row in artifacts.list_deployments(actor, site)] == [2, 1]
        changed = artifacts.compare(actor, artifacts.get_deployment(actor, site, 2))
        assert {change.path: change.kind for change in changed.listed} == {
            "index.html": "changed",
            "method.html": "added",
        }
        assert len(artifacts.list_links(actor, site)) == 1
        assert [row.is_live for row in vault.list_credentials(actor)] == [True, True]
        [hold] = retention.list_holds(actor)
        assert hold.lifted_at is not None


def test_it_leaves_a_chain_worth_reading():
    place = filled()
    with tenant(place.id):
        assert len(trail.list_tags(place.actor())) >= 16
        assert audit.verify_chain(actor=place.actor()).ok
        refused = trail.list_access(place.actor(), Filters(outcome="refused"), before=None, limit=50)
    assert {entry.status for entry in refused} >= {403, 404, 409}


def test_its_link_signs_the_owner_in_once():
    url = demo()["sign_in_url"]
    browser = Client(SERVER_NAME="localhost")
    path = "/" + url.split("/", 3)[3]
    assert browser.post(path).status_code == 302
    assert browser.get("/o/alder-peak/live/").status_code == 200
    assert Client(SERVER_NAME="localhost").post(path).status_code == 404


def test_it_does_nothing_the_second_time_and_says_so():
    place = filled()
    with tenant(place.id):
        before = trail.count_events(place.actor(), Filters())
    again = demo()
    assert again["made"] == ["Alder Peak is there already; nothing was changed."]
    with tenant(place.id):
        assert trail.count_events(place.actor(), Filters()) == before


@override_settings(PRODUCTION=True)
def test_it_refuses_in_production():
    with pytest.raises(CommandError, match="development"):
        demo()
    assert not User.objects.exists()
