"""Tokens that an issuer signed well, and that say odd things."""

import pytest

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
def test_whatever_a_token_says_it_is_refused_and_noted(lies: dict):
    machines = make_machines()
    answer = machines.ask(machines.token(**lies))
    assert (answer.status_code, answer.json()["error"]) == (400, REFUSED)
    assert len(machines.exchanges()) == 1
