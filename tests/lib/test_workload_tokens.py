"""Tokens of workloads: what holds, and each way in which one does not."""

import time
import warnings

import pytest
from joserfc.jwk import ECKey, KeySet, RSAKey

from hq.lib.openid import UnknownKey, read_keys
from hq.lib.outbound import NotReached
from hq.lib.workload_tokens import CURVES, Expected, check, find_claim, shown
from tests.idp.oidc import ABSENT, key
from tests.idp.workload_tokens import (
    AUDIENCE,
    CLAIMS,
    DAY,
    FORGED,
    HOUR,
    SUBJECT,
    UNFIT,
    curve_key,
    honest_claims,
    published,
    signed,
)

ISSUER = "https://issuer.example/tenant"
EXPECTED = Expected(ISSUER, AUDIENCE, SUBJECT, CLAIMS, once=True)
ORDER = [
    "readable",
    "issuer",
    "key",
    "signature",
    "time",
    "audience",
    "subject",
    *map("claim:{}".format, CLAIMS),
    "once",
]


class Keys:
    """The issuer's keys, and how often they were asked for."""

    def __init__(self, *keys):
        self.set, self.asked = read_keys(published(*keys)), []

    def __call__(self, kid):
        self.asked.append(kid)
        if kid not in {each.kid for each in self.set}:
            raise UnknownKey
        return self.set


def checked(token, expected=EXPECTED, keys=None):
    return check(token, expected, keys or Keys(), at=time.time())


def test_an_honest_token_holds_and_every_check_is_named_in_order():
    verdict = checked(signed(honest_claims(ISSUER)))
    assert verdict.holds
    assert verdict.reason == ""
    assert [each.name for each in verdict.checks] == ORDER
    assert all(each.passed and each.detail for each in verdict.checks)
    assert verdict.claims["repository"] == "alderpeak/api"


@pytest.mark.parametrize("forged", FORGED)
def test_no_token_holds_that_the_issuer_did_not_sign(forged):
    reason, forge = FORGED[forged]
    verdict = checked(forge(honest_claims(ISSUER)))
    assert (verdict.holds, verdict.reason) == (False, reason)
    assert verdict.checks[-1].detail


@pytest.mark.parametrize("unfit", UNFIT)
def test_no_token_holds_that_says_something_else_than_agreed(unfit):
    reason, forge = UNFIT[unfit]
    verdict = checked(forge(honest_claims(ISSUER)))
    assert (verdict.holds, verdict.reason) == (False, reason)
    assert [each.name for each in verdict.checks] == ORDER


def test_everything_that_is_wrong_is_said_at_once():
    verdict = checked(signed(honest_claims(ISSUER, aud="other", sub="other", repository="other")))
    assert [each.name for each in verdict.checks if not each.passed] == ["audience", "subject", "claim:repository"]


def test_a_stranger_is_not_asked_for_keys_and_nobody_is_for_a_header_that_cannot_hold():
    keys = Keys()
    checked(signed(honest_claims("https://stranger.example")), keys=keys)
    for forged in ["alg none", "HS256 with a weak secret", "jku", "kid of 10 kB", "kid has a null byte"]:
        checked(FORGED[forged][1](honest_claims(ISSUER)), keys=keys)
    assert keys.asked == []


def test_the_same_name_of_a_key_at_another_issuer_is_another_key():
    theirs = RSAKey.import_key({**key("second").as_dict(private=True), "kid": str(key("first").kid)})
    verdict = checked(signed(honest_claims(ISSUER), theirs))
    assert verdict.reason == "signature"


@pytest.mark.parametrize("alg", CURVES)
def test_each_algorithm_holds_with_its_own_kind_of_key_only(alg):
    made: dict[str, RSAKey | ECKey] = {"RS256": key("first"), "ES256": curve_key("P-256"), "ES384": curve_key("P-384")}
    keys = Keys(*made.values())
    for name, by in made.items():
        token = signed(honest_claims(ISSUER), by, name)
        assert checked(token, keys=keys).holds
        if name != alg:
            lying = type(by).import_key({**by.as_dict(private=False), "alg": alg})
            assert checked(token, keys=lambda _, lying=lying: KeySet([lying])).reason == "key"


@pytest.mark.parametrize("mark", [{"use": "enc"}, {"alg": "RS512"}, {"key_ops": ["sign"], "use": "sig"}])
def test_a_key_for_another_purpose_checks_nothing(mark):
    odd = RSAKey.import_key({**key("first").as_dict(private=False), **mark})
    assert checked(signed(honest_claims(ISSUER)), keys=lambda _: KeySet([odd])).reason in {"key", "signature"}


def test_of_two_keys_of_one_name_none_is_chosen():
    twin = RSAKey.import_key({**key("second").as_dict(private=False), "kid": str(key("first").kid)})
    keys = Keys(key("first"), twin)
    assert checked(signed(honest_claims(ISSUER)), keys=keys).reason == "key"


def test_a_token_need_not_name_the_only_key():
    token = signed(honest_claims(ISSUER), kid=ABSENT)
    only, two = Keys(key("first")).set, Keys(key("first"), curve_key("P-256")).set
    assert checked(token, keys=lambda _: only).holds
    assert checked(token, keys=lambda _: two).reason == "key"
    assert checked(token, keys=lambda _: Keys(key("second")).set).reason == "signature"


def test_a_weak_key_is_no_key():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weak = RSAKey.generate_key(1024, {"kid": "weak", "use": "sig"})
        token = signed(honest_claims(ISSUER), weak)
        assert checked(token, keys=Keys(weak, key("first"))).reason == "key"


def test_keys_that_cannot_be_had_are_a_reason_in_words():
    def away(_):
        raise NotReached

    verdict = checked(signed(honest_claims(ISSUER)), keys=away)
    assert verdict.reason == "key"
    assert "does not answer" in verdict.checks[2].detail


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE]])
def test_the_one_audience_may_stand_in_a_list(audience):
    assert checked(signed(honest_claims(ISSUER, aud=audience))).holds


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+JWT"])
def test_a_token_may_call_itself_a_token(typ):
    assert checked(signed(honest_claims(ISSUER), typ=typ)).holds


def test_clocks_may_differ_by_a_minute_but_nothing_counts_after_its_end():
    now = time.time()
    ahead = honest_claims(ISSUER, iat=now + 50, nbf=now + 50, exp=now + HOUR)
    assert checked(signed(ahead)).holds
    ending = honest_claims(ISSUER, iat=now - HOUR, exp=now)
    assert check(signed(ending), EXPECTED, Keys(), at=now).reason == "time"
    assert check(signed(ending), EXPECTED, Keys(), at=now - 1).holds
    assert checked(signed(honest_claims(ISSUER, iat=now - 60, exp=now + 239 + DAY))).holds


def test_what_was_not_agreed_is_not_asked_for():
    token = signed(honest_claims(ISSUER, jti=["odd"], repository="any"))
    assert checked(token, Expected(ISSUER, AUDIENCE, SUBJECT)).holds


@pytest.mark.parametrize(
    "empty", [Expected("", AUDIENCE, SUBJECT), Expected(ISSUER, "", SUBJECT), Expected(ISSUER, AUDIENCE, "")]
)
def test_an_agreement_that_says_nothing_fits_nothing(empty):
    claims = honest_claims(ISSUER)
    claims |= {"iss": empty.issuer, "aud": empty.audience, "sub": empty.subject}
    assert not checked(signed(claims), empty).holds


# ---- claims inside claims


@pytest.mark.parametrize(
    ("claims", "name", "found"),
    [
        ({"a": 1}, "a", [1]),
        ({"a": {"b": 1}}, "a.b", [1]),
        ({"kubernetes.io": {"namespace": "ci"}}, "kubernetes.io.namespace", ["ci"]),
        ({"https://sts.amazonaws.com/": {"aws_account": "1"}}, "https://sts.amazonaws.com/.aws_account", ["1"]),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", [1, 2]),
        ({"a": {"b.c": 1, "b": {"c": 2}}, "a.b": {"c": 3}}, "a.b.c", [1, 2, 3]),
        ({"a": {"": 1}}, "a.", [1]),
        ({"a": [{"b": 1}]}, "a.b", []),
        ({"a": None}, "a.b", []),
        ({}, "a", []),
    ],
)
def test_a_dotted_name_leads_to_every_claim_that_it_can_mean(claims, name, found):
    assert sorted(find_claim(claims, name)) == found


def test_a_claim_that_can_be_read_in_two_ways_does_not_count():
    expected = Expected(ISSUER, AUDIENCE, SUBJECT, {"a.b": "yes"})
    assert checked(signed(honest_claims(ISSUER, a={"b": "yes"})), expected).holds
    both = signed(honest_claims(ISSUER, a={"b": "no"}) | {"a.b": "yes"})
    assert checked(both, expected).reason == "claim:a.b"


@pytest.mark.parametrize(
    ("given", "wanted", "equal"),
    [
        (1, 1.0, True),
        (True, True, True),
        (1, True, False),
        (0, False, False),
        ("1", 1, False),
        (None, "", False),
        ({}, "", False),
    ],
)
def test_values_are_equal_and_of_one_kind(given, wanted, equal):
    expected = Expected(ISSUER, AUDIENCE, SUBJECT, {"value": wanted})
    assert checked(signed(honest_claims(ISSUER, value=given)), expected).holds is equal


@pytest.mark.parametrize("value", ["\ud800", "\x00\r\n", "x" * 10_000, {"a": ["b"] * 500}, float("inf")])
def test_what_a_token_says_can_be_shown(value):
    text = shown(value)
    assert text.encode()
    assert text.isprintable()
    assert len(text) <= 120
