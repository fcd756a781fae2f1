"""Every /v1 route and every portal page, once allowed and once refused. A route that is missing here fails."""

import json
import re
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from directory.actions.connections import create_connection
from directory.actions.domains import add_domain
from directory.actions.scim_tokens import create_scim_token
from hq.authz.levels import Level
from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import GRANTS, Role
from hq.db.context import tenant
from jobs.models import Job
from keys import actions as key_actions
from keys.models import Cmk, Rotation
from sharing import actions as sharing
from tenants import actions
from tenants.models import ApiKey, Membership
from tests.factories import make_member, make_person, make_place, sign_in
from tests.keys.support import rotate, statement_of
from tests.operators import make_operator
from tests.routes import every_route
from tests.tenants.support_access import ask
from tests.workloads.cluster import refused
from tests.workloads.support import terms
from vault import actions as vault
from webhooks.actions import create_endpoint, send_test
from workloads.actions.trusts import create_trust

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
    Act(ENVIRONMENT + "shares", "GET", P.SHARES_READ),
    Act(ENVIRONMENT + "shares", "POST", P.SHARES_CREATE, {"paths": ["a/b"]}, 201, P.OBJECTS_READ),
    Act(ENVIRONMENT + "shares/<uuid:id>", "GET", P.SHARES_READ),
    Act(ENVIRONMENT + "shares/<uuid:id>", "DELETE", P.SHARES_REVOKE, answers=204),
    Act("v1/environments/<uuid:environment_id>", "GET", P.ORGANIZATION_READ),
    Act(ENVIRONMENT + "audit/events", "GET", P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/events/<int:index>", "GET", P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/requests", "GET", P.AUDIT_READ),
    Act(ENVIRONMENT + "audit/admin/verify-chain", "GET", P.AUDIT_VERIFY),
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
V1_PUBLIC |= {"v1/oauth/token"}


class World:
    """A place with one of everything, and a client."""

    def __init__(self, name="Matrix"):
        self.place = make_place(name)
        self.client = Client()
        owner = self.place.actor()
        vault.put_object(actor=owner, path="a/b", chunks=[b"content"])
        self.member = make_member(self.place, Role.DEVELOPER)
        with tenant(self.place.id):
            self.share = sharing.create_share(actor=owner, paths=["a/b"]).link.id
            self.invitation = actions.invite_member(actor=owner, email="i@example.com", role=Role.ANALYST).invitation.id
            self.key = actions.create_api_key(actor=owner, name="spare", scopes=frozenset({P.OBJECTS_READ})).key.id
            self.membership = Membership.objects.get(user=self.member).id
            self.group = actions.create_group(actor=owner, name="Group").id
            actions.put_in_group(actor=owner, group_id=self.group, membership_ids=[self.membership])
            self.account = actions.create_service_account(actor=owner, name="Machine").id
            self.trust = create_trust(actor=owner, service_account_id=self.account, **terms()).id
            self.webhook = create_endpoint(
                actor=owner, name="Hook", url="https://hook.example/", events=["*"]
            ).endpoint.id
            self.delivery = send_test(actor=owner, endpoint_id=self.webhook).id
            self.rule = actions.give_access(actor=owner, prefix="c/", level=Level.READ, group_id=self.group).id
            self.job = Job.objects.values_list("id", flat=True).order_by("id")[0]
            self.cmk = Cmk.objects.get(organization_id=self.place.id).id
            self.scim_token = create_scim_token(actor=owner).token.id
            self.domain = add_domain(actor=owner, name=f"{name.lower()}.example").id
            self.connection = create_connection(actor=owner, kind="okta", protocol="saml", name="Okta").id
        self.statement = statement_of(rotate(self.place)).id
        self.exchange = refused(self.place, self.trust).id
        self.request = ask(self.place, make_operator()).id
        # Nothing is destroyed by it: it is asked for, and taken back by the first who may.
        self.wish = key_actions.request_destruction(actor=owner, key_id=self.cmk, days=30, reason="x", erase=True).id
        with tenant(self.place.id):
            self.secret = actions.create_api_key(actor=owner, name="all", scopes=SCOPES & owner.permissions).secret

    def url(self, route):
        ids = {"shares/": self.share, "api-keys/": self.key, "members/": self.membership, "people/": self.membership}
        ids |= {"invitations/": self.invitation, "statements/": self.statement, "/keys/": self.cmk}
        ids |= {"tokens/": self.scim_token, "sso/": self.connection, "domains/": self.domain}
        ids |= {"groups/": self.group, "access/": self.rule, "acl/": self.rule, "service-accounts/": self.account}
        ids |= {"webhooks/": self.webhook}
        ids |= {"workload-trusts/": self.trust, "workloads/": self.trust, "exchanges/": self.exchange}
        ids |= {"rotations/": self.rotation, "destructions/": self.wish, "support/": self.request}
        filled = route.replace("<uuid:environment_id>", str(self.place.live_id)).replace("<path:path>", "a/b")
        filled = filled.replace("<uuid:organization_id>", str(self.place.id)).replace("<uuid:job_id>", str(self.job))
        filled = filled.replace("<slug:org_slug>", self.place.slug).replace("<env:env_name>", "live")
        filled = (
            filled.replace("<uuid:member_id>", str(self.membership))
            .replace("<uuid:delivery_id>", str(self.delivery))
            .replace("<int:index>", "1")
            .replace("<int:version>", "1")
        )
        for word, known in ids.items():
            filled = filled.replace(f"{word}<uuid:id>", f"{word}{known}")
        return "/" + re.sub(r"<uuid:\w+>", str(uuid4()), filled)

    def filled(self, body):
        """With the ids that a body asks for."""
        if isinstance(body, bytes):
            return body
        ids = {"<member>": self.membership, "<group>": self.group, "<delivery>": self.delivery}
        text = json.dumps(body)
        for word, known in ids.items():
            text = text.replace(word, str(known))
        return text

    @property
    def rotation(self):
        """The newest: that of the beginning, or one that an act before has begun."""
        with tenant(self.place.id):
            return Rotation.objects.values_list("id", flat=True).order_by("-id").first() or uuid4()

    def with_scopes(self, scopes):
        with tenant(self.place.id):
            ApiKey.objects.filter(name="all").update(scopes=sorted(scopes))

    def act(self, act, secret=None):
        asks = act.route.endswith(("object-metadata", "object-versions", "acl/explain"))
        url = self.url(act.route) + ("?path=a/b" if asks else "")
        raw = isinstance(act.body, bytes)
        more = (
            {}
            if act.body is None
            else {
                "data": self.filled(act.body),
                "content_type": "application/octet-stream" if raw else "application/json",
            }
        )
        headers = {"authorization": f"Bearer {secret or self.secret}"}
        return getattr(self.client, act.method.lower())(url, headers=headers, **more)


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
    PLACE + "files/objects/<path:path>": (P.OBJECTS_READ, {}),
    PLACE + "files/upload": (P.OBJECTS_WRITE, {"folder": "", "files": "file"}),
    PLACE + "files/restore": (P.OBJECTS_WRITE, {"path": "a/b", "version": "1"}),
    PLACE + "files/chosen": (P.OBJECTS_DELETE, {"path": "a/b", "action": "delete"}),
    PLACE + "shares/": (P.SHARES_READ, {}),
    PLACE + "shares/new": (P.SHARES_CREATE, {}),
    PLACE + "shares/<uuid:id>": (P.SHARES_READ, {}),
    PLACE + "shares/<uuid:id>/revoke": (P.SHARES_REVOKE, {}),
    PLACE + "audit/": (P.AUDIT_READ, {}),
    PLACE + "audit/<int:index>": (P.AUDIT_READ, {}),
    PLACE + "audit/verify": (P.AUDIT_VERIFY, {}),
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
