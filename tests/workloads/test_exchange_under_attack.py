"""Many at once, floods, and services that are away."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client

from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from tests.factories import run_jobs
from tests.idp import oidc
from tests.idp.browsing import ask_again, forget_keys, somewhere
from tests.idp.workload_tokens import signed
from tests.valkeys import OwnValkey
from tests.workloads.support import GRANT, JWT, Machines, make_machines, post
from workloads.actions.forgetting import EXCHANGES_KEPT, TOKENS_KEPT
from workloads.models import Exchange, Token, UsedToken
from workloads.tasks import sweep

pytestmark = pytest.mark.django_db(transaction=True)


def published_by(provider, **changes) -> Machines:
    """A trust of an issuer that publishes its keys, over the network."""
    forget_keys(provider)
    return make_machines(issuer=provider.address, keys=None, **changes)


def test_of_one_token_sent_twenty_times_at_once_one_is_exchanged():
    machines = make_machines(single_use=True)
    token, together = machines.token(), Barrier(20)

    def send(_):
        try:
            together.wait()
            return post(
                Client(REMOTE_ADDR=somewhere()),
                {
                    "grant_type": GRANT,
                    "audience": machines.trust.id,
                    "subject_token": token,
                    "subject_token_type": JWT,
                },
            ).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as threads:
        answers = sorted(threads.map(send, range(20)))
    assert answers == [200] + [400] * 19
    assert machines.kept() == (1, 1, 20)
    assert sorted(each.reason for each in machines.exchanges()) == [""] + ["used"] * 19


# ---- the issuer's keys


def test_a_flood_of_made_up_keys_asks_the_issuer_once(provider, loopback):
    machines = published_by(provider)
    assert machines.ask(machines.token()).status_code == 200
    before = provider.times(oidc.JWKS)
    for number in range(50):
        assert machines.ask(signed(machines.claims(), kid=f"made-up-{number}")).status_code == 400
    assert provider.times(oidc.JWKS) == before + 1
    assert machines.ask(machines.token()).status_code == 200
    assert provider.times(oidc.DISCOVERY) == 1


def test_a_new_key_of_the_issuer_counts_at_once(provider, loopback):
    machines = published_by(provider)
    machines.exchange()
    provider.rotate()
    assert machines.ask(signed(machines.claims(), provider.key)).status_code == 200
    assert machines.ask(machines.token()).status_code == 400  # signed with the former one


@pytest.mark.parametrize("body", ["elsewhere", "huge", "slow", "a page", "a list"])
def test_an_issuer_that_is_down_or_lies_loses_us_no_keys_and_gives_us_none(provider, loopback, body):
    machines = published_by(provider)
    provider.bodies[oidc.JWKS] = body
    stranger = oidc.key("a stranger's")
    assert machines.ask(signed(machines.claims(), stranger)).status_code == 400
    assert machines.ask(machines.token()).status_code == 200
    forget_keys(provider)
    assert machines.ask(machines.token()).status_code == 400
    assert machines.exchanges()[0].reason == "key"
    provider.bodies.clear()
    ask_again(f"{provider.address}{oidc.JWKS}")
    assert machines.ask(machines.token()).status_code == 200


def test_keys_in_a_private_network_are_not_asked_for(provider, loopback, settings):
    machines = published_by(provider)
    forget_keys(provider)
    asked = provider.times(oidc.JWKS)
    settings.OUTBOUND_NETWORKS = []
    assert machines.ask(machines.token()).status_code == 400
    assert machines.exchanges()[0].reason == "key"
    assert provider.times(oidc.JWKS) == asked


def test_a_token_that_names_a_place_of_keys_leads_nobody_there(provider, other_provider, loopback):
    machines = published_by(provider)
    stranger = oidc.key("second")
    for header in ({"jku": f"{other_provider.address}{oidc.JWKS}"}, {"x5u": f"{other_provider.address}/chain"}):
        assert machines.ask(signed(machines.claims(), stranger, **header)).status_code == 400
    lying = machines.claims(iss=other_provider.address)
    assert machines.ask(signed(lying)).status_code == 400
    assert other_provider.asked == []


# ---- how often


def test_one_address_may_ask_only_so_often(settings):
    settings.LIMIT_EXCHANGES_IP = (3, 60)
    machines = make_machines()
    assert [machines.ask("x.y.z").status_code for _ in range(4)] == [400, 400, 400, 429]
    refusal = machines.ask(machines.token())
    assert refusal.status_code == 429
    assert int(refusal["Retry-After"]) >= 1
    machines.client = Client(REMOTE_ADDR=somewhere())
    assert machines.ask(machines.token()).status_code == 200


def test_one_trust_may_be_asked_for_only_so_often_from_all_addresses(settings):
    settings.LIMIT_EXCHANGES_TRUST = (3, 60)
    machines, other = make_machines(), make_machines()
    answers = []
    for _ in range(4):
        machines.client = Client(REMOTE_ADDR=somewhere())
        answers.append(machines.ask(machines.token()).status_code)
    assert answers == [200, 200, 200, 429]
    assert other.ask(other.token()).status_code == 200


def test_nothing_is_exchanged_while_nobody_can_count(own_valkey: OwnValkey):
    machines = make_machines()
    secret = machines.exchange()
    own_valkey.stop()
    answer = machines.ask(machines.token())
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert machines.kept()[0] == 1
    assert machines.use(secret).status_code == 200  # what was given works on


# ---- what is not kept


def test_old_tokens_marks_and_lines_are_forgotten():
    machines, other = make_machines(single_use=True), make_machines()
    machines.exchange()
    machines.exchange()
    other.exchange()
    with tenant(machines.place.id):
        old = Token.objects.values_list("pk", flat=True).order_by("pk")[0]
        Token.objects.filter(pk=old).update(expires_at=now() - TOKENS_KEPT - timedelta(minutes=1))
        mark = UsedToken.objects.values_list("pk", flat=True).order_by("pk")[0]
        UsedToken.objects.filter(pk=mark).update(expires_at=now() - TOKENS_KEPT - timedelta(minutes=1))
        line = Exchange.objects.values_list("pk", flat=True).order_by("pk")[0]
        Exchange.objects.filter(pk=line).update(at=now() - EXCHANGES_KEPT - timedelta(minutes=1))
    sweep()
    run_jobs()
    assert machines.kept() == (1, 1, 1)
    assert other.kept() == (1, 0, 1)
    with tenant(other.place.id):
        assert not Job.objects.filter(kind="workloads.forget").exists()
    assert (EXCHANGES_KEPT.days, TOKENS_KEPT.days) == (30, 1)
