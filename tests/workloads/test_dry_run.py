"""Trying a token: the same checks as an exchange makes, and nothing comes of it."""

import json
from dataclasses import asdict

import pytest

from audit.models import AuditEvent
from hq.authz.permissions import SCOPES, Permission
from hq.db.context import tenant
from tenants import actions as tenants
from tests.factories import make_api_key
from tests.idp.workload_tokens import FORGED, UNFIT
from tests.workloads.support import Machines, make_machines
from workloads import actions
from workloads.models import Token, Trust

pytestmark = pytest.mark.django_db


@pytest.fixture
def machines():
    return make_machines(single_use=True)


def tried(machines: Machines, token: str):
    with tenant(machines.place.id):
        return actions.dry_run(actor=machines.owner, trust_id=machines.trust.id, token=token)


def first_failed(checks):
    return next((check.name for check in checks if not check.passed), "")


def test_it_finds_what_is_wrong_with_every_attack(machines: Machines):
    """The first check that fails is the reason that an exchange is refused for: its tests ask for the same."""
    for name, (reason, forge) in (FORGED | UNFIT).items():
        assert first_failed(tried(machines, forge(machines.claims()))) == reason, name


def test_it_says_what_the_organization_reads_of_a_refusal(machines: Machines):
    token = machines.token(aud="other", repository="alderpeak/web")
    machines.ask(token)
    told = machines.last_exchange().detail["checks"]
    tries = [asdict(check) for check in tried(machines, token)]
    told[4]["detail"] = tries[4]["detail"]  # how long it still holds: a second may have passed
    assert told == tries
    assert [check["name"] for check in told if not check["passed"]] == ["audience", "claim:repository"]


def test_it_gives_uses_up_and_keeps_nothing(machines: Machines, caplog):
    caplog.set_level("DEBUG")
    token = machines.token()
    with tenant(machines.place.id):
        before = AuditEvent.objects.count()
    for _ in range(2):
        checks = tried(machines, token)
        assert first_failed(checks) == ""
        assert checks[-1].name == "used"
    assert machines.kept() == (0, 0, 0)
    with tenant(machines.place.id):
        assert AuditEvent.objects.count() == before
        assert Trust.objects.get(pk=machines.trust.id).last_used_at is None
    assert token not in caplog.text
    assert machines.ask(token).status_code == 200
    assert first_failed(tried(machines, token)) == "used"
    with tenant(machines.place.id):
        assert Token.objects.count() == 1


def test_it_says_that_the_trust_is_off_or_its_account_has_ended(machines: Machines):
    with tenant(machines.place.id):
        actions.disable_trust(actor=machines.owner, trust_id=machines.trust.id)
    assert [check.name for check in tried(machines, machines.token()) if not check.passed] == ["disabled"]
    with tenant(machines.place.id):
        actions.enable_trust(actor=machines.owner, trust_id=machines.trust.id)
        tenants.end_service_account(actor=machines.owner, account_id=machines.account)
    assert [check.name for check in tried(machines, machines.token()) if not check.passed] == ["account"]


# ---- over /v1


@pytest.fixture
def asking(machines: Machines):
    """A client with a key, which reads what is of the environment."""
    secret = make_api_key(machines.place, SCOPES)
    here = f"/v1/environments/{machines.place.live_id}/"

    def ask(path: str, body: object = None):
        headers = {"authorization": f"Bearer {secret}"}
        if body is None:
            return machines.client.get(here + path, headers=headers)
        return machines.client.post(here + path, json.dumps(body), content_type="application/json", headers=headers)

    return ask


def test_a_key_may_try_a_token(machines: Machines, asking):
    path = f"workload-trusts/{machines.trust.id}/dry-run"
    answer = asking(path, {"token": machines.token()}).json()
    assert answer["holds"] is True
    assert [check["name"] for check in answer["checks"]][:4] == ["readable", "issuer", "key", "signature"]
    answer = asking(path, {"token": machines.token(aud="\ud800\x00")}).json()
    assert (answer["holds"], first_named(answer)) == (False, "audience")
    assert machines.kept() == (0, 0, 0)


def first_named(answer):
    return next(check["name"] for check in answer["checks"] if not check["passed"])


def test_trusts_and_exchanges_are_listed_without_secrets(machines: Machines, asking):
    listed = asking("workload-trusts").json()["items"]
    assert listed == [asking(f"workload-trusts/{machines.trust.id}").json()]
    [trust] = listed
    assert (trust["issuer"], trust["jwks_uri"], trust["enabled"]) == (machines.trust.conditions["issuer"], None, True)
    assert trust["claims"] == machines.trust.conditions["claims"]
    ours, theirs = machines.exchange(), machines.token(sub="somebody-else")
    machines.ask(theirs)
    refused, given = asking("workload-exchanges").json()["items"]
    assert (refused["outcome"], refused["reason"], refused["given"]) == ("refused", "subject", None)
    assert (given["outcome"], given["reason"]) == ("given", "")
    assert given["given"]["scopes"] == ["objects:read", "objects:write"]
    assert ours not in json.dumps([refused, given])
    assert theirs.rpartition(".")[2] not in json.dumps([refused, given])


def test_exchanges_are_filtered_and_paged(machines: Machines, asking):
    other = make_machines(machines.place)
    machines.exchange()
    machines.ask(machines.token(sub="x"))
    other.exchange()

    def found(query):
        return [(item["trust_id"], item["outcome"]) for item in asking(f"workload-exchanges?{query}").json()["items"]]

    mine, theirs = str(machines.trust.id), str(other.trust.id)
    assert found("") == [(theirs, "given"), (mine, "refused"), (mine, "given")]
    assert found("outcome=refused") == [(mine, "refused")]
    assert found(f"trust={mine}&outcome=given") == [(mine, "given")]
    page = asking("workload-exchanges?limit=2").json()
    assert len(page["items"]) == 2
    rest = asking(f"workload-exchanges?limit=2&cursor={page['next_cursor']}").json()
    assert ([item["trust_id"] for item in rest["items"]], rest["next_cursor"]) == ([mine], None)


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_asked_for_is_told(machines: Machines, asking):
    theirs = make_machines()
    assert asking("workload-exchanges?outcome=maybe").status_code == 400
    assert asking("workload-exchanges?trust=x").status_code == 400
    assert asking(f"workload-exchanges?trust={theirs.trust.id}").status_code == 404
    assert asking(f"workload-trusts/{theirs.trust.id}").status_code == 404
    assert asking(f"workload-trusts/{theirs.trust.id}/dry-run", {"token": theirs.token()}).status_code == 404
    path = f"workload-trusts/{machines.trust.id}/dry-run"
    for body in ({}, {"token": ""}, {"token": 7}, {"token": "x" * 20_000}, {"token": "x", "save": True}):
        assert asking(path, body).status_code == 400, body
    secret = make_api_key(machines.place, frozenset({Permission.OBJECTS_READ}))
    there = f"/v1/environments/{machines.place.live_id}/workload-trusts"
    assert machines.client.get(there, headers={"authorization": f"Bearer {secret}"}).status_code == 403
