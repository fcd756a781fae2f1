"""Tokens that an issuer signed well and that say odd things, and what one organization can do to another's keys."""

import pytest

from hq.lib.errors import Unavailable
from tests.factories import make_place
from tests.idp import oidc
from tests.idp.browsing import forget_keys
from tests.idp.workload_tokens import published, signed
from tests.valkeys import OwnValkey
from tests.workloads.support import make_machines

pytestmark = pytest.mark.django_db(transaction=True)
REFUSED = "invalid_request"


@pytest.mark.parametrize("jti", ["\ud800", "a\udfffb", "\x00"])
def test_an_id_that_no_text_can_carry_is_none(jti: str):
    machines = make_machines(single_use=True)
    answer = machines.ask(machines.token(jti=jti))
    assert (answer.status_code, answer.json()["error"]) == (400, REFUSED)
    assert machines.exchanges()[0].reason == "once"


@pytest.mark.parametrize(
    "lies",
    [
        {"sub": "\ud800"},
        {"sub": "\x00"},
        {"sub": ["x"] * 1000},
        {"aud": ["\ud800", {}]},
        {"aud": []},
        {"aud": [["x"]]},
        {"repository": "\ud800"},
        {"repository": {"a": {"b": "\udc00"}}},
        {"run_attempt": True},
        {"run_attempt": 1e308},
        {"exp": True},
        {"exp": "9999999999"},
        {"iat": -1},
        {"nbf": 1e999},
        {"nbf": {}},
    ],
)
def test_whatever_a_token_says_it_is_refused_and_noted(lies):
    machines = make_machines()
    answer = machines.ask(machines.token(**lies))
    assert (answer.status_code, answer.json()["error"]) == (400, REFUSED)
    assert len(machines.exchanges()) == 1


def test_keys_that_one_organization_pastes_for_an_issuer_are_no_others(provider, loopback):
    forget_keys(provider)
    stranger = oidc.key("a stranger's")
    victim = make_machines(issuer=provider.address, keys=None)
    attacker = make_machines(make_place(), issuer=provider.address, keys=published(stranger).decode())
    forged = signed(attacker.claims(), stranger, kid=oidc.key("first").kid)
    assert attacker.ask(signed(attacker.claims(), stranger)).status_code == 200
    for token in (forged, signed(victim.claims(), stranger)):
        assert victim.ask(token).status_code == 400
    assert attacker.ask(attacker.token()).status_code == 400
    assert victim.ask(victim.token()).status_code == 200


def test_while_nobody_can_remember_what_was_asked_no_issuer_is(provider, loopback, own_valkey: OwnValkey):
    place = make_place()
    forget_keys(provider)
    own_valkey.stop()
    with pytest.raises(Unavailable):
        make_machines(place, issuer=provider.address, keys=None)
    assert provider.times(oidc.JWKS) == 0
