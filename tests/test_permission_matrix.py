"""Every /v1 route and every portal page, once allowed and once refused. A route that is missing here fails."""

from dataclasses import dataclass, replace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import GRANTS, Role
from tests.artifacts.tars import tar
from tests.factories import make_member, make_person, make_place, sign_in
from tests.routes import every_route
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
ENVIRONMENT, ORGANIZATION = "v1/environments/<uuid:environment_id>/", "v1/organizations/<uuid:organization_id>/"
P = Permission


@dataclass(frozen=True)
class Act:
    """One method of one /v1 route: the scope it needs (None: none at all), a body that works, what it then answers.

    `also` is what the body asks to hand on: nobody gives what they do not have. `instead` is another that is enough.
    """

    route: str
    method: str
    needs: Permission | None
    body: object = None
    answers: int = 200
    also: Permission | None = None
    instead: Permission | None = None


V1 = [
    Act("v1/me", "GET", None),
    Act(ENVIRONMENT + "objects", "GET", P.OBJECTS_READ),
    Act(ENVIRONMENT + "objects/<path:path>", "GET", P.OBJECTS_READ),
    Act(ENVIRONMENT + "objects/<path:path>", "PUT", P.OBJECTS_WRITE, b"other"),
    Act(ENVIRONMENT + "objects/<path:path>", "DELETE", P.OBJECTS_DELETE, answers=204),
    Act(ENVIRONMENT + "object-metadata", "GET", P.OBJECTS_READ),
    Act(ENVIRONMENT + "object-versions", "GET", P.OBJECTS_READ),
    Act(ENVIRONMENT + "deleted-objects", "GET", P.OBJECTS_READ),
    Act(ENVIRONMENT + "object-restores", "POST", P.OBJECTS_WRITE, {"path": "a/b", "version": 1}, 201),
    Act(ENVIRONMENT + "uploads", "GET", P.OBJECTS_WRITE),
    Act(ENVIRONMENT + "uploads", "POST", P.OBJECTS_WRITE, {"path": "a/new", "size": 1}, 201),
    Act(ENVIRONMENT + "uploads/<uuid:id>", "GET", P.OBJECTS_WRITE),
    Act(ENVIRONMENT + "uploads/<uuid:id>/parts", "POST", P.OBJECTS_WRITE, {"parts": [1]}),
    Act(ENVIRONMENT + "uploads/<uuid:id>/complete", "POST", P.OBJECTS_WRITE, answers=201),
    # It is complete by then, so there is nothing left to give up.
    Act(ENVIRONMENT + "uploads/<uuid:id>", "DELETE", P.OBJECTS_WRITE, answers=409),
    Act(ENVIRONMENT + "credentials", "GET", P.OBJECTS_READ),
    Act(ENVIRONMENT + "credentials", "POST", P.OBJECTS_READ, {"paths": ["a/"]}, 201),
    Act(ENVIRONMENT + "credentials/<uuid:id>", "GET", P.OBJECTS_READ),
    Act(ENVIRONMENT + "credentials/<uuid:id>/direct", "POST", P.OBJECTS_READ, answers=409),  # files are kept here
    Act(ENVIRONMENT + "credentials/<uuid:id>", "DELETE", P.OBJECTS_READ, answers=204),
    Act(ENVIRONMENT + "shares", "GET", P.SHARES_READ),
    Act(ENVIRONMENT + "shares", "POST", P.SHARES_CREATE, {"paths": ["a/b"]}, 201, P.OBJECTS_READ),
    Act(ENVIRONMENT + "shares/<uuid:id>", "GET", P.SHARES_READ),
    Act(ENVIRONMENT + "shares/<uuid:id>", "DELETE", P.SHARES_REVOKE, answers=204),
    Act(ENVIRONMENT + "artifacts", "GET", P.SHARES_READ),
    Act(ENVIRONMENT + "artifacts", "POST", P.SHARES_CREATE, {"name": "Another"}, 201),
    Act(ENVIRONMENT + "artifacts/<uuid:id>", "GET", P.SHARES_READ),
    Act(ENVIRONMENT + "artifacts/<uuid:id>", "PATCH", P.SHARES_CREATE, {"name": "Renamed"}),
    Act(ENVIRONMENT + "artifacts/<uuid:id>/deployments", "GET", P.SHARES_READ),
    Act(ENVIRONMENT + "artifacts/<uuid:id>/deployments", "POST", P.SHARES_CREATE, tar({"index.html": b"3"}), 201),
    Act(ENVIRONMENT + "artifacts/<uuid:id>/deployments/<int:number>", "GET", P.SHARES_READ),
    Act(
        ENVIRONMENT + "artifacts/<uuid:id>/folder-deployments",
        "POST",
        P.SHARES_CREATE,
        {"folder": "a"},
        201,
        P.OBJECTS_READ,
    ),
    Act(ENVIRONMENT + "artifacts/<uuid:id>/current", "POST", P.SHARES_CREATE, {"deployment": 2}),
    Act(ENVIRONMENT + "artifacts/<uuid:id>/links", "GET", P.SHARES_READ),
    Act(ENVIRONMENT + "artifacts/<uuid:id>/links", "POST", P.SHARES_CREATE, {}, 201),
    Act(ENVIRONMENT + "artifacts/<uuid:id>/visits", "GET", P.SHARES_READ),
    Act(ENVIRONMENT + "artifacts/<uuid:id>/links/<uuid:link_id>", "DELETE", P.SHARES_REVOKE, answers=204),
    Act(ENVIRONMENT + "artifacts/<uuid:id>/deployments/<int:number>", "DELETE", P.SHARES_REVOKE, answers=204),
    Act(ENVIRONMENT + "artifacts/<uuid:id>", "DELETE", P.SHARES_REVOKE, answers=204),
    Act(ENVIRONMENT + "sharing-rules", "GET", P.SHARES_READ),
    Act(ENVIRONMENT + "upload-requests", "GET", P.SHARES_READ),
    Act(ENVIRONMENT + "upload-requests", "POST", P.SHARES_CREATE, {"folder": "inbox/"}, 201, P.OBJECTS_WRITE),
    Act(ENVIRONMENT + "upload-requests/<uuid:id>", "GET", P.SHARES_READ),
    Act(ENVIRONMENT + "upload-requests/<uuid:id>", "DELETE", P.SHARES_REVOKE, answers=204),
    Act("v1/environments/<uuid:environment_id>", "GET", P.ORGANIZATION_READ),
    Act(ENVIRONMENT + "audit/events", "GET", P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/events/<int:index>", "GET", P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/requests", "GET", P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/admin/verify-chain", "GET", P.AUDIT_VERIFY),
    Act(ENVIRONMENT + "audit/logs", "GET", P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/checkpoints", "POST", P.AUDIT_VERIFY),
    Act(ENVIRONMENT + "audit/checkpoints", "GET", P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/events/<int:index>/proof", "GET", P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/requests/<uuid:entry_id>/proof", "GET", P.AUDIT_READ, answers=404),  # of no request
    Act(ENVIRONMENT + "audit/consistency", "GET", P.AUDIT_READ, answers=400),  # there is no such checkpoint
    Act(ENVIRONMENT + "audit/witnesses", "GET", P.AUDIT_READ),
    Act(
        ENVIRONMENT + "audit/witnesses",
        "POST",
        P.WEBHOOKS_MANAGE,
        {"address": "auditor@matrix.example"},
        201,
        P.AUDIT_READ,
    ),
    Act(ENVIRONMENT + "audit/witnesses/<uuid:id>", "DELETE", P.WEBHOOKS_MANAGE, answers=204, also=P.AUDIT_READ),
    Act(ENVIRONMENT + "api-keys", "GET", P.API_KEYS_READ),
    Act(
        ENVIRONMENT + "api-keys",
        "POST",
        P.API_KEYS_CREATE,
        {"name": "n", "scopes": ["objects:read"]},
        201,
        P.OBJECTS_READ,
    ),
    Act(ENVIRONMENT + "api-keys/<uuid:id>", "GET", P.API_KEYS_READ),
    Act(ENVIRONMENT + "api-keys/<uuid:id>/rotate", "POST", P.API_KEYS_CREATE, {}, 201, P.OBJECTS_READ),
    Act(ENVIRONMENT + "api-keys/<uuid:id>", "DELETE", P.API_KEYS_REVOKE, answers=204),
    Act(ENVIRONMENT + "data-map", "GET", P.KEYS_READ),
    Act(ENVIRONMENT + "keys", "GET", P.KEYS_READ),
    Act(ENVIRONMENT + "keys/<uuid:id>/rotate", "POST", P.KEYS_ROTATE, {"reason": "why"}, 202),
    Act(ENVIRONMENT + "key-rotations", "GET", P.KEYS_READ),
    Act(ENVIRONMENT + "key-rotations/<uuid:id>", "GET", P.KEYS_READ),
    Act(ENVIRONMENT + "key-rotations/<uuid:id>", "PATCH", P.KEYS_ROTATE, {"paused": True}),
    Act(ENVIRONMENT + "key-rotations/<uuid:id>/abandon", "POST", P.KEYS_ROTATE),
    Act(ENVIRONMENT + "key-destructions", "GET", P.KEYS_READ),
    Act(ENVIRONMENT + "key-destructions/<uuid:id>", "GET", P.KEYS_READ),
    Act(ENVIRONMENT + "key-statements/<uuid:id>", "GET", P.KEYS_READ),
    Act(ENVIRONMENT + "jobs/<uuid:job_id>", "GET", P.JOBS_READ),
    Act(ENVIRONMENT + "workload-trusts", "GET", P.API_KEYS_READ),
    Act(ENVIRONMENT + "workload-trusts/<uuid:id>", "GET", P.API_KEYS_READ),
    Act(ENVIRONMENT + "workload-trusts/<uuid:id>/dry-run", "POST", P.API_KEYS_READ, {"token": "x"}),
    Act(ENVIRONMENT + "workload-exchanges", "GET", P.API_KEYS_READ),
    Act(ENVIRONMENT + "webhooks", "GET", P.WEBHOOKS_MANAGE),
    Act(ENVIRONMENT + "webhooks", "POST", P.WEBHOOKS_MANAGE, {"name": "n", "url": "https://a.example/"}, 201),
    Act(ENVIRONMENT + "webhooks/<uuid:id>", "GET", P.WEBHOOKS_MANAGE),
    Act(ENVIRONMENT + "webhooks/<uuid:id>", "PATCH", P.WEBHOOKS_MANAGE, {"name": "Renamed"}),
    Act(ENVIRONMENT + "webhooks/<uuid:id>/deliveries", "GET", P.WEBHOOKS_MANAGE),
    Act(ENVIRONMENT + "webhooks/<uuid:id>/deliveries/<uuid:delivery_id>", "GET", P.WEBHOOKS_MANAGE),
    Act(ENVIRONMENT + "webhooks/<uuid:id>/rotate-secret", "POST", P.WEBHOOKS_MANAGE, {}, 201),
    Act(ENVIRONMENT + "webhooks/<uuid:id>/test", "POST", P.WEBHOOKS_MANAGE, answers=202),
    Act(ENVIRONMENT + "webhooks/<uuid:id>/replay", "POST", P.WEBHOOKS_MANAGE, {"delivery_id": "<delivery>"}, 202),
    Act(ENVIRONMENT + "webhooks/<uuid:id>/disable", "POST", P.WEBHOOKS_MANAGE),
    Act(ENVIRONMENT + "webhooks/<uuid:id>/enable", "POST", P.WEBHOOKS_MANAGE),
    Act(ENVIRONMENT + "webhooks/<uuid:id>", "DELETE", P.WEBHOOKS_MANAGE, answers=204),
    Act(ENVIRONMENT + "audit/streams", "GET", P.AUDIT_READ, also=P.WEBHOOKS_MANAGE),
    Act(
        ENVIRONMENT + "audit/streams",
        "POST",
        P.WEBHOOKS_MANAGE,
        {"name": "n", "kind": "https", "target": {"url": "https://a.example/"}},
        201,
        P.AUDIT_READ,
    ),
    Act(ENVIRONMENT + "audit/streams/<uuid:id>", "GET", P.WEBHOOKS_MANAGE, also=P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/streams/<uuid:id>", "PATCH", P.AUDIT_READ, {"name": "Renamed"}, also=P.WEBHOOKS_MANAGE),
    Act(ENVIRONMENT + "audit/streams/<uuid:id>/batches", "GET", P.WEBHOOKS_MANAGE, also=P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/streams/<uuid:id>/test", "POST", P.WEBHOOKS_MANAGE, answers=202, also=P.AUDIT_READ),
    Act(
        ENVIRONMENT + "audit/streams/<uuid:id>/replay",
        "POST",
        P.AUDIT_READ,
        {"log": "admin", "index": 1},
        also=P.WEBHOOKS_MANAGE,
    ),
    Act(ENVIRONMENT + "audit/streams/<uuid:id>/pause", "POST", P.WEBHOOKS_MANAGE, also=P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/streams/<uuid:id>/resume", "POST", P.WEBHOOKS_MANAGE, also=P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/streams/<uuid:id>", "DELETE", P.WEBHOOKS_MANAGE, answers=204, also=P.AUDIT_READ),
    Act("v1/organizations/<uuid:organization_id>", "GET", P.ORGANIZATION_READ),
    Act(ORGANIZATION + "environments", "GET", P.ORGANIZATION_READ),
    Act(ORGANIZATION + "groups", "GET", P.ACCESS_READ),
    Act(ORGANIZATION + "groups", "POST", P.ACCESS_CHANGE, {"name": "Another"}, 201),
    Act(ORGANIZATION + "groups/<uuid:id>", "GET", P.ACCESS_READ),
    Act(ORGANIZATION + "groups/<uuid:id>", "PATCH", P.ACCESS_CHANGE, {"name": "Renamed"}),
    Act(ORGANIZATION + "groups/<uuid:id>/members", "GET", P.ACCESS_READ),
    Act(ORGANIZATION + "groups/<uuid:id>/members", "POST", P.ACCESS_CHANGE, {"members": ["<member>"]}, 204),
    Act(ORGANIZATION + "groups/<uuid:id>/members/<uuid:member_id>", "DELETE", P.ACCESS_CHANGE, answers=204),
    Act(ORGANIZATION + "acl", "GET", P.ACCESS_READ, instead=P.ACCESS_CHANGE),
    Act(ORGANIZATION + "acl", "POST", P.ACCESS_CHANGE, {"prefix": "d/", "level": "read", "group_id": "<group>"}, 201),
    Act(ORGANIZATION + "acl/explain", "GET", P.ACCESS_READ),
    Act(ORGANIZATION + "acl/<uuid:id>", "GET", P.ACCESS_READ, instead=P.ACCESS_CHANGE),
    Act(ORGANIZATION + "acl/<uuid:id>", "PATCH", P.ACCESS_CHANGE, {"level": "write"}),
    Act(ORGANIZATION + "acl/<uuid:id>", "DELETE", P.ACCESS_CHANGE, answers=204),
    Act(ORGANIZATION + "groups/<uuid:id>", "DELETE", P.ACCESS_CHANGE, answers=204),
    Act(ORGANIZATION + "service-accounts", "GET", P.ACCESS_READ),
    Act(ORGANIZATION + "service-accounts", "POST", P.ACCESS_CHANGE, {"name": "Another"}, 201),
    Act(ORGANIZATION + "service-accounts/<uuid:id>", "GET", P.ACCESS_READ),
    Act(ORGANIZATION + "service-accounts/<uuid:id>", "DELETE", P.ACCESS_CHANGE, answers=204),
    Act(ORGANIZATION + "members", "GET", P.MEMBERS_READ),
    Act(ORGANIZATION + "members/<uuid:id>", "GET", P.MEMBERS_READ),
    Act(ORGANIZATION + "members/<uuid:id>", "PATCH", P.MEMBERS_CHANGE_ROLE, {"role": "auditor"}),
    Act(ORGANIZATION + "members/<uuid:id>", "DELETE", P.MEMBERS_REMOVE, answers=204),
    Act(ORGANIZATION + "invitations", "GET", P.MEMBERS_READ),
    Act(ORGANIZATION + "invitations", "POST", P.MEMBERS_INVITE, {"email": "x@example.com", "role": "analyst"}, 201),
    Act(ORGANIZATION + "invitations/<uuid:id>", "GET", P.MEMBERS_READ),
    Act(ORGANIZATION + "invitations/<uuid:id>", "DELETE", P.MEMBERS_INVITE, answers=204),
]
# No key of an organization is asked for: the schema, the documentation, and what a link's token opens.
V1_PUBLIC = {"v1/openapi.json", "v1/docs", "v1/shares/redeem", "v1/shared/objects", "v1/shared/objects/<path:path>"}
V1_PUBLIC |= {"v1/oauth/token", "v1/upload-parts/<str:token>"}


@pytest.fixture
def world():
    return World()


def test_every_v1_route_is_in_the_table():
    known = {(act.route, act.method) for act in V1}
    found = {
        (route.pattern, method)
        for route in every_route()
        if route.pattern.startswith("v1/") and route.pattern not in V1_PUBLIC
        for method in route.methods
    }
    assert found == known
    assert {route.pattern for route in every_route() if route.pattern.startswith("v1/")} >= V1_PUBLIC


def test_each_v1_act_is_refused_without_its_scope_and_without_a_key_and_allowed_with_it(world):
    every = SCOPES & GRANTS[Role.OWNER]
    last = [act for act in V1 if act.method == "DELETE"]
    for act in [*(act for act in V1 if act not in last), *last]:
        name = f"{act.method} {act.route}"
        assert world.act(act, secret="hd_live_" + "x" * 32).status_code == 401, name
        if act.needs is not None:
            world.with_scopes(every - {act.needs, act.instead})
            assert world.act(act).status_code == 403, name
            world.with_scopes({act.needs} | ({act.also} if act.also else set()))
        answer = world.act(act)
        assert answer.status_code == act.answers, (name, answer.content)
        world.with_scopes(every)


def test_each_v1_act_in_another_organization_looks_like_nothing(world):
    other = make_place("Elsewhere")
    mine, foreign = world.place, other
    for act in V1:
        if "<uuid:environment_id>" in act.route or "<uuid:organization_id>" in act.route:
            world.place = replace(mine, live_id=foreign.live_id, organization=foreign.organization)
            there = world.act(act)
            world.place = mine
            assert there.status_code == 404, act


# ---- the portal: what a page of a place needs, and what it is asked with

PLACE = "o/<slug:org_slug>/<env:env_name>/"
PAGES = {
    PLACE: (P.ORGANIZATION_READ, {}),
    PLACE + "files/": (P.OBJECTS_READ, {}),
    PLACE + "files/row": (P.OBJECTS_READ, {"path": "a/b"}),
    PLACE + "files/versions": (P.OBJECTS_READ, {"path": "a/b"}),
    PLACE + "files/deleted": (P.OBJECTS_READ, {}),
    PLACE + "files/search": (P.OBJECTS_READ, {"q": "b"}),
    PLACE + "files/preview": (P.OBJECTS_READ, {"path": "a/b"}),
    PLACE + "files/diff": (P.OBJECTS_READ, {"path": "a/b", "from": "1", "to": "1"}),
    PLACE + "files/credentials": (P.OBJECTS_READ, {}),
    PLACE + "files/credentials/new": (P.OBJECTS_READ, {}),
    PLACE + "files/credentials/<uuid:id>/revoke": (P.API_KEYS_REVOKE, {}),
    PLACE + "files/objects/<path:path>": (P.OBJECTS_READ, {}),
    PLACE + "files/upload": (P.OBJECTS_WRITE, {"folder": "", "files": "file"}),
    **{
        PLACE + f"files/uploads{step}": (P.OBJECTS_WRITE, {})
        for step in ("", "/parts", "/state", "/complete", "/give-up")
    },
    PLACE + "files/restore": (P.OBJECTS_WRITE, {"path": "a/b", "version": "1"}),
    PLACE + "files/chosen": (P.OBJECTS_DELETE, {"path": "a/b", "action": "delete"}),
    PLACE + "shares/": (P.SHARES_READ, {}),
    PLACE + "shares/new": (P.SHARES_CREATE, {}),
    PLACE + "shares/<uuid:id>": (P.SHARES_READ, {}),
    PLACE + "shares/<uuid:id>/receipt": (P.SHARES_READ, {}),
    PLACE + "shares/<uuid:id>/revoke": (P.SHARES_REVOKE, {}),
    PLACE + "shares/requests": (P.SHARES_READ, {}),
    PLACE + "shares/requests/new": (P.SHARES_CREATE, {}),
    PLACE + "shares/requests/<uuid:id>": (P.SHARES_READ, {}),
    PLACE + "shares/requests/<uuid:id>/close": (P.SHARES_REVOKE, {}),
    PLACE + "shares/rules": (P.SHARES_READ, {}),
    PLACE + "shares/rules/change": (P.POLICY_CHANGE, {}),
    PLACE + "artifacts/": (P.SHARES_READ, {}),
    PLACE + "artifacts/new": (P.SHARES_CREATE, {}),
    PLACE + "artifacts/<uuid:id>": (P.SHARES_READ, {}),
    PLACE + "artifacts/<uuid:id>/change": (P.SHARES_CREATE, {}),
    PLACE + "artifacts/<uuid:id>/deploy": (P.SHARES_CREATE, {}),
    PLACE + "artifacts/<uuid:id>/deploy-folder": (P.SHARES_CREATE, {"folder": "a"}),
    PLACE + "artifacts/<uuid:id>/current": (P.SHARES_CREATE, {"deployment": "2"}),
    PLACE + "artifacts/<uuid:id>/deployments/<int:number>": (P.SHARES_READ, {}),
    PLACE + "artifacts/<uuid:id>/deployments/<int:number>/remove": (P.SHARES_REVOKE, {}),
    PLACE + "artifacts/<uuid:id>/links": (P.SHARES_CREATE, {}),
    PLACE + "artifacts/<uuid:id>/links/<uuid:link_id>/revoke": (P.SHARES_REVOKE, {}),
    PLACE + "artifacts/<uuid:id>/remove": (P.SHARES_REVOKE, {}),
    PLACE + "audit/": (P.AUDIT_READ, {}),
    PLACE + "audit/<int:index>": (P.AUDIT_READ, {}),
    PLACE + "audit/<int:index>/proof": (P.AUDIT_READ, {}),
    PLACE + "audit/verify": (P.AUDIT_VERIFY, {}),
    PLACE + "audit/checkpoint": (P.AUDIT_VERIFY, {}),
    PLACE + "audit/views": (P.AUDIT_READ, {"name": "x", "query": "kind=keys"}),
    PLACE + "audit/views/<uuid:id>/remove": (P.AUDIT_READ, {}),
    PLACE + "audit/witnesses": (P.WEBHOOKS_MANAGE, {"address": "x@example.com"}),
    PLACE + "audit/witnesses/<uuid:id>/remove": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "integrity/": (P.AUDIT_READ, {}),
    PLACE + "keys/": (P.KEYS_READ, {}),
    PLACE + "keys/data-map": (P.KEYS_READ, {}),
    PLACE + "keys/progress": (P.KEYS_READ, {}),
    PLACE + "keys/rotate": (P.KEYS_ROTATE, {}),
    PLACE + "keys/rotations/<uuid:id>/pause": (P.KEYS_ROTATE, {}),
    PLACE + "keys/rotations/<uuid:id>/resume": (P.KEYS_ROTATE, {}),
    PLACE + "keys/rotations/<uuid:id>/abandon": (P.KEYS_ROTATE, {}),
    PLACE + "keys/bring": (P.KEYS_MOVE, {}),
    PLACE + "keys/give-back": (P.KEYS_MOVE, {}),
    PLACE + "keys/<uuid:id>/destroy": (P.KEYS_DESTROY, {}),
    PLACE + "keys/destructions/<uuid:id>": (P.KEYS_READ, {}),
    PLACE + "keys/destructions/<uuid:id>/cancel": (P.KEYS_APPROVE_DESTRUCTION, {}),
    PLACE + "keys/statements/<uuid:id>": (P.KEYS_READ, {}),
    PLACE + "keys/statements/<uuid:id>/check": (P.KEYS_READ, {}),
    PLACE + "retention/": (P.RETENTION_CHANGE, {}),
    PLACE + "retention/change": (P.RETENTION_CHANGE, {"name": "vault.deleted"}),
    PLACE + "retention/holds/": (P.HOLDS_CHANGE, {}),
    PLACE + "retention/holds/new": (P.HOLDS_CHANGE, {}),
    PLACE + "retention/holds/<uuid:id>/lift": (P.HOLDS_CHANGE, {}),
    PLACE + "retention/erasure": (P.ORGANIZATION_ERASE, {}),
    PLACE + "retention/erasure/<uuid:id>/approve": (P.ORGANIZATION_APPROVE_ERASURE, {}),
    PLACE + "retention/erasure/<uuid:id>/cancel": (P.ORGANIZATION_APPROVE_ERASURE, {}),
    PLACE + "retention/people/": (P.MEMBERS_ERASE, {}),
    PLACE + "retention/people/<uuid:id>/erase": (P.MEMBERS_ERASE, {}),
    PLACE + "retention/erasures/<uuid:id>/cancel": (P.MEMBERS_ERASE, {}),
    PLACE + "policy/": (P.IDENTITY_READ, {}),
    PLACE + "policy/change": (P.POLICY_CHANGE, {}),
    PLACE + "people/": (P.MEMBERS_READ, {}),
    PLACE + "people/invite": (P.MEMBERS_INVITE, {}),
    PLACE + "people/<uuid:id>/role": (P.MEMBERS_CHANGE_ROLE, {"role": "auditor"}),
    PLACE + "people/<uuid:id>/remove": (P.MEMBERS_REMOVE, {}),
    PLACE + "invitations/<uuid:id>/revoke": (P.MEMBERS_INVITE, {}),
    PLACE + "groups/": (P.ACCESS_READ, {}),
    PLACE + "groups/new": (P.ACCESS_CHANGE, {}),
    PLACE + "groups/<uuid:id>/": (P.ACCESS_READ, {}),
    PLACE + "groups/<uuid:id>/rename": (P.ACCESS_CHANGE, {}),
    PLACE + "groups/<uuid:id>/add": (P.ACCESS_CHANGE, {}),
    PLACE + "groups/<uuid:id>/take-out": (P.ACCESS_CHANGE, {}),
    PLACE + "groups/<uuid:id>/remove": (P.ACCESS_CHANGE, {}),
    PLACE + "access/": (P.ACCESS_READ, {}),
    PLACE + "access/new": (P.ACCESS_CHANGE, {}),
    PLACE + "access/explorer": (P.ACCESS_READ, {"path": "a/b"}),
    PLACE + "access/<uuid:id>/level": (P.ACCESS_CHANGE, {"level": "write"}),
    PLACE + "access/<uuid:id>/withdraw": (P.ACCESS_CHANGE, {}),
    PLACE + "service-accounts/": (P.ACCESS_READ, {}),
    PLACE + "service-accounts/new": (P.ACCESS_CHANGE, {}),
    PLACE + "service-accounts/<uuid:id>/": (P.ACCESS_READ, {}),
    PLACE + "service-accounts/<uuid:id>/end": (P.ACCESS_CHANGE, {}),
    PLACE + "support/": (P.SUPPORT_DECIDE, {}),
    PLACE + "support/<uuid:id>/approve": (P.SUPPORT_DECIDE, {}),
    PLACE + "support/<uuid:id>/refuse": (P.SUPPORT_DECIDE, {}),
    PLACE + "support/<uuid:id>/end": (P.SUPPORT_DECIDE, {}),
    PLACE + "api-keys/": (P.API_KEYS_READ, {}),
    PLACE + "api-keys/new": (P.API_KEYS_CREATE, {}),
    PLACE + "api-keys/<uuid:id>/": (P.API_KEYS_READ, {}),
    PLACE + "api-keys/<uuid:id>/rotate": (P.API_KEYS_CREATE, {}),
    PLACE + "api-keys/<uuid:id>/revoke": (P.API_KEYS_REVOKE, {}),
    PLACE + "workloads/": (P.API_KEYS_READ, {}),
    PLACE + "workloads/new": (P.WORKLOADS_MANAGE, {}),
    PLACE + "workloads/<uuid:id>": (P.API_KEYS_READ, {}),
    PLACE + "workloads/<uuid:id>/change": (P.WORKLOADS_MANAGE, {}),
    PLACE + "workloads/<uuid:id>/disable": (P.WORKLOADS_MANAGE, {}),
    PLACE + "workloads/<uuid:id>/enable": (P.WORKLOADS_MANAGE, {}),
    PLACE + "workloads/<uuid:id>/remove": (P.WORKLOADS_MANAGE, {}),
    PLACE + "workloads/<uuid:id>/try": (P.API_KEYS_READ, {}),
    PLACE + "workloads/exchanges/<uuid:id>": (P.API_KEYS_READ, {}),
    **{PLACE + f"your-data/{each}": (P.EXPORTS_OWN, {}) for each in ("", "progress", "file", "remove")},
    **{PLACE + f"export/{each}": (P.ORGANIZATION_EXPORT, {}) for each in ("", "progress", "file", "remove")},
    PLACE + "audit/streams/": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "audit/streams/new": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "audit/streams/new/<slug:kind>": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "audit/streams/<uuid:id>": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "audit/streams/<uuid:id>/change": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "audit/streams/<uuid:id>/pause": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "audit/streams/<uuid:id>/resume": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "audit/streams/<uuid:id>/test": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "audit/streams/<uuid:id>/replay": (P.WEBHOOKS_MANAGE, {"log": "admin", "index": "1"}),
    PLACE + "audit/streams/<uuid:id>/remove": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/new": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>/change": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>/secret": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>/test": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>/enable": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>/disable": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>/remove": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>/replay": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>/replay/progress": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>/deliveries/<uuid:delivery_id>": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>/deliveries/<uuid:delivery_id>/attempts": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>/deliveries/<uuid:delivery_id>/body": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "webhooks/<uuid:id>/deliveries/<uuid:delivery_id>/replay": (P.WEBHOOKS_MANAGE, {}),
    PLACE + "directory/sso/": (P.IDENTITY_READ, {}),
    PLACE + "directory/sso/new": (P.IDENTITY_CHANGE, {}),
    PLACE + "directory/sso/<uuid:id>": (P.IDENTITY_READ, {}),
    PLACE + "directory/sso/<uuid:id>/remove": (P.IDENTITY_CHANGE, {}),
    PLACE + "directory/sso/domains/": (P.IDENTITY_READ, {}),
    PLACE + "directory/sso/domains/<uuid:id>": (P.IDENTITY_READ, {}),
    PLACE + "directory/sso/domains/<uuid:id>/remove": (P.IDENTITY_CHANGE, {}),
    PLACE + "directory/scim/": (P.IDENTITY_READ, {}),
    PLACE + "directory/scim/token": (P.IDENTITY_CHANGE, {}),
    PLACE + "directory/scim/tokens/<uuid:id>/revoke": (P.IDENTITY_CHANGE, {}),
}


def test_every_portal_page_of_a_place_is_in_the_table():
    assert {route.pattern for route in every_route() if route.pattern.startswith(PLACE)} == set(PAGES)


def visit(client, world, pattern):
    """The page; a verb behind a button is posted."""
    url, data = world.url(pattern), dict[str, object](PAGES[pattern][1])
    answer = client.get(url, data)
    if answer.status_code != 405:
        return answer
    if data.pop("files", None):
        data["files"] = SimpleUploadedFile("note.txt", b"text")
    return client.post(url, data)


PEOPLE = [role for role in Role if role is not Role.SERVICE_ACCOUNT]


@pytest.mark.parametrize("role", PEOPLE)
def test_each_page_opens_for_the_roles_that_may_and_for_no_other(world, role):
    client = sign_in(make_member(world.place, role))
    for pattern, (needs, _) in PAGES.items():
        status = visit(client, world, pattern).status_code
        if needs in GRANTS[role]:
            assert status not in {401, 403, 404, 405, 500}, (pattern, status)
        else:
            assert status == 403, (pattern, status)


def test_each_page_looks_like_nothing_to_a_stranger_and_asks_the_unknown_to_sign_in(world):
    stranger = sign_in(make_person())
    for pattern in PAGES:
        url = world.url(pattern)
        assert (stranger.get(url).status_code, stranger.post(url).status_code) == (404, 404), pattern
        asked = Client().get(url)
        assert asked.status_code == 302, pattern
        assert asked["Location"].startswith("/account/login/"), pattern


def test_the_operators_rooms_look_like_nothing_to_everybody_else(world):
    owner = sign_in(world.place.owner)
    rooms = [route.pattern for route in every_route() if route.pattern.startswith("operator/")]
    assert rooms
    for pattern in rooms:
        assert owner.get(world.url(pattern)).status_code in {404, 405}
        assert owner.post(world.url(pattern)).status_code == 404
