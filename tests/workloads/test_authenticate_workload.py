"""HQ's own tokens for workloads: what they open, and how they end at once."""

from datetime import timedelta

import pytest

from hq.authz.levels import Level
from hq.authz.permissions import AUTH_METHODS, AuthMethod, Permission
from hq.authz.roles import GRANTS, Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Unauthenticated
from tenants import actions as tenants
from tenants.models import Organization
from tests.factories import ORIGIN, make_api_key, make_place
from tests.tenants.support import only_rules
from tests.workloads.support import Machines, make_machines, terms
from vault import actions as vault
from workloads import actions
from workloads.actions.trusts import GIVEN
from workloads.models import Token, Trust

pytestmark = pytest.mark.django_db(transaction=True)
ALL = frozenset(GIVEN)


@pytest.fixture
def machines():
    return make_machines(scopes=ALL)


def status(machines: Machines, secret: str) -> int:
    code: int = machines.use(secret).status_code
    return code


def test_it_does_what_its_scopes_and_a_service_account_allow_and_nothing_else(machines: Machines):
    secret, here = machines.exchange(), f"/v1/environments/{machines.place.live_id}/"
    bearer = {"authorization": f"Bearer {secret}"}
    put = machines.client.put(f"{here}objects/a/b", b"x", content_type="text/plain", headers=bearer)
    assert put.status_code == 201
    assert machines.use(secret, f"{here}objects/a/b").status_code == 200
    assert machines.client.delete(f"{here}objects/a/b", headers=bearer).status_code == 403  # no role, and no rule
    for path in ("api-keys", "keys", "audit/events", "shares", "workload-trusts", "workload-exchanges"):
        assert machines.use(secret, here + path).status_code == 403, path
    for path in ("members", "acl", "service-accounts", "groups"):
        there = f"/v1/organizations/{machines.place.id}/{path}"
        assert machines.use(secret, there).status_code == 403, path
    key = {"name": "n", "scopes": ["objects:read"]}
    made = machines.client.post(f"{here}api-keys", key, content_type="application/json", headers=bearer)
    assert made.status_code == 403


def test_access_rules_add_to_it_on_their_paths_and_only_within_its_scopes(machines: Machines):
    owner, here = machines.owner, f"/v1/environments/{machines.place.live_id}/objects/"
    for path in ("builds/1", "reports/1"):
        vault.put_object(actor=owner, path=path, chunks=[b"x"])
    with tenant(machines.place.id):
        tenants.give_access(actor=owner, prefix="builds/", level=Level.ADMIN, service_account_id=machines.account)
    few, every = machines.exchange(scope="objects:read"), machines.exchange()

    def delete(secret, path):
        headers = {"authorization": f"Bearer {secret}"}
        return machines.client.delete(here + path, headers=headers).status_code

    assert [delete(few, "builds/1"), delete(every, "reports/1"), delete(every, "builds/1")] == [403, 403, 204]


def test_where_rules_alone_open_files_its_role_opens_none(machines: Machines):
    secret = machines.exchange()
    vault.put_object(actor=machines.owner, path="a/b", chunks=[b"x"])
    path = f"/v1/environments/{machines.place.live_id}/objects/a/b"
    assert machines.use(secret, path).status_code == 200
    only_rules(machines.place)
    assert machines.use(secret, path).status_code in {403, 404}


def test_a_workload_is_given_nothing_that_no_workload_may_do():
    assert {permission for permission, methods in AUTH_METHODS.items() if AuthMethod.WORKLOAD in methods} == GIVEN
    assert not GIVEN - GRANTS[Role.OWNER]
    assert Permission.API_KEYS_CREATE not in GIVEN


def test_it_opens_its_own_environment_only(machines: Machines):
    secret, elsewhere = machines.exchange(), make_place()
    for path in (
        f"environments/{machines.place.test_id}/objects",
        f"environments/{elsewhere.live_id}/objects",
        f"organizations/{elsewhere.id}/members",
    ):
        assert machines.use(secret, f"/v1/{path}").status_code == 404, path


def test_what_is_nearly_a_token_is_none(machines: Machines):
    secret = machines.exchange()
    key = make_api_key(machines.place)
    near = [
        secret[:-1],
        secret + "A",
        secret[:-1] + ("A" if secret[-1] != "A" else "B"),
        secret.swapcase(),
        secret.replace("hqw_", "hqs_"),
        secret.replace("hqw_", "hqw_hqw_"),
        secret.removeprefix("hqw_"),
        "hqw_" + key.rpartition("_")[2],
        "hqw_",
        "hqw_" + "é" * 43,
        "hqw_" + "\u0660" * 43,
    ]
    for each in near:
        assert status(machines, each) == 401, each
    assert status(machines, secret) == 200
    assert machines.client.get("/v1/me", headers={"authorization": f"Basic {secret}"}).status_code == 401


def test_nothing_is_signed_in_by_the_workloads_own_token(machines: Machines):
    assert status(machines, machines.token()) == 401


def test_it_ends_when_it_is_over(machines: Machines):
    secret = machines.exchange()
    with tenant(machines.place.id):
        Token.objects.update(expires_at=now() + timedelta(seconds=30))
        assert status(machines, secret) == 200
        Token.objects.update(expires_at=now())
    assert status(machines, secret) == 401


def end(machines: Machines, how: str) -> None:
    owner, trust = machines.owner, machines.trust.id
    with tenant(machines.place.id):
        if how == "disabled":
            actions.disable_trust(actor=owner, trust_id=trust)
        elif how == "removed":
            actions.remove_trust(actor=owner, trust_id=trust)
        elif how == "changed":
            said = terms(service_account_id=machines.account, seconds=60)
            actions.change_trust(actor=owner, trust_id=trust, **{name: said[name] for name in said if name != "kind"})
        elif how == "account ended":
            tenants.end_service_account(actor=owner, account_id=machines.account)
        elif how == "organization shut":
            Organization.objects.filter(pk=machines.place.id).update(state=Organization.State.SUSPENDED)


@pytest.mark.parametrize("how", ["disabled", "removed", "changed", "account ended", "organization shut"])
def test_it_ends_at_once_with_what_it_stands_on(machines: Machines, how):
    secret = machines.exchange()
    assert status(machines, secret) == 200
    end(machines, how)
    assert status(machines, secret) == 401
    assert (machines.ask(machines.token()).status_code == 200) is (how == "changed")


def test_a_token_does_not_come_back_with_its_trust(machines: Machines):
    secret = machines.exchange()
    end(machines, "disabled")
    with tenant(machines.place.id):
        actions.enable_trust(actor=machines.owner, trust_id=machines.trust.id)
    assert status(machines, secret) == 401
    assert status(machines, machines.exchange()) == 200


def test_a_new_name_of_the_trust_ends_nothing(machines: Machines):
    secret = machines.exchange()
    said = terms(service_account_id=machines.account, scopes=ALL, name="renamed")
    with tenant(machines.place.id):
        said.pop("kind")
        actions.change_trust(actor=machines.owner, trust_id=machines.trust.id, **said)
    assert machines.use(secret).json()["actor"]["label"] == "renamed"


def test_a_trust_that_is_off_opens_nothing_even_by_a_token_that_was_left(machines: Machines):
    secret = machines.exchange()
    with tenant(machines.place.id):
        Trust.objects.update(disabled_at=now())
    assert status(machines, secret) == 401


def test_what_cannot_be_a_token_is_not_looked_for(django_assert_num_queries):
    for secret in ("hqw_", "hqw_" + "x" * 44, "hqw_" + "-" * 43, "hqw_" + "\u0660" * 43):
        with django_assert_num_queries(0), pytest.raises(Unauthenticated):
            actions.authenticate_workload(secret=secret, origin=ORIGIN)
