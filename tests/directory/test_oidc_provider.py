"""The providers that the tests of single sign-on lean on: honest where they say so, and lying exactly as told."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tests.idp import oidc, workos
from tests.idp.loopback import BODIES, METADATA_SERVICE, NONSENSE, PIECE, s256
from tests.idp.oidc import ABSENT, CLIENT_ID, CLIENT_SECRET, EMAIL_LIES, TOKEN, TOKEN_LIES

BACK = "https://hq.example/callback"
VERIFIER = "a-verifier-that-only-the-one-who-asked-can-know"


def asked(address, **changes):
    """An authorization request as HQ makes it."""
    query = {
        "client_id": CLIENT_ID,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "openid email profile",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": s256(VERIFIER),
        "code_challenge_method": "S256",
    } | changes
    return f"{address}?{urlencode({name: value for name, value in query.items() if value is not ABSENT})}"


def brought(callback):
    assert callback.startswith(BACK)
    return dict(parse_qsl(urlsplit(callback).query))


def exchanged(provider, code, **changes):
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "code_verifier": VERIFIER,
    } | changes
    return requests.post(f"{provider.address}{TOKEN}", data=body, timeout=10)


def tokens(provider, **changes):
    code = brought(provider.authorize(asked(f"{provider.address}/authorize", **changes)))["code"]
    answer = exchanged(provider, code)
    assert answer.status_code == 200, answer.text
    return answer.json()


def verified(provider, id_token):
    """The claims, if a published key signed them with RS256."""
    keys = KeySet.import_key_set(requests.get(f"{provider.address}{oidc.JWKS}", timeout=10).json())
    return jwt.decode(id_token, keys, algorithms=["RS256"]).claims


# ---- the OpenID provider of our own


def test_it_signs_in_a_person_as_the_specification_says(provider):
    found = requests.get(f"{provider.address}{oidc.DISCOVERY}", timeout=10).json()
    back = brought(provider.authorize(asked(found["authorization_endpoint"])))
    assert back == {"code": back["code"], "state": "state-1", "iss": found["issuer"]}
    given = exchanged(provider, back["code"]).json()
    claims = verified(provider, given["id_token"])
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (found["issuer"], CLIENT_ID, "nonce-1")
    assert claims["exp"] - claims["iat"] == oidc.HOUR
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    userinfo = requests.get(found["userinfo_endpoint"], headers=bearer, timeout=10).json()
    assert userinfo == provider.user == {name: claims[name] for name in provider.user}


def test_a_code_counts_once_and_only_for_who_asked(provider):
    ask = asked(f"{provider.address}/authorize")
    code = brought(provider.authorize(ask))["code"]
    assert exchanged(provider, code, client_secret="guessed").status_code == 401
    assert exchanged(provider, code).status_code == 200
    assert exchanged(provider, code).json()["error"] == "invalid_grant"
    elsewhere = exchanged(provider, brought(provider.authorize(ask))["code"], redirect_uri="https://other.example/")
    assert elsewhere.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("verifier", ["", "another-verifier"])
def test_it_looks_at_the_verifier_unless_it_knows_no_pkce(provider, verifier):
    ask = asked(f"{provider.address}/authorize")
    wrong = exchanged(provider, brought(provider.authorize(ask))["code"], code_verifier=verifier)
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    provider.pkce = False
    assert exchanged(provider, brought(provider.authorize(ask))["code"], code_verifier=verifier).status_code == 200


@pytest.mark.parametrize("changes", [{"code_challenge": ABSENT}, {"code_challenge_method": "plain"}])
def test_it_sends_back_who_asks_without_a_challenge_by_s256(provider, changes):
    ask = asked(f"{provider.address}/authorize", **changes)
    assert brought(provider.authorize(ask))["error"] == "invalid_request"
    provider.pkce = False
    assert "code" in brought(provider.authorize(ask))


@pytest.mark.parametrize("lie", [lie for lie in TOKEN_LIES if lie.startswith("signature: ")])
def test_no_published_key_made_a_false_signature(provider, lie):
    provider.lie(lie)
    id_token = tokens(provider)["id_token"]
    with pytest.raises(JoseError):
        verified(provider, id_token)


def differ(one, other):
    """Whether two values of a claim differ by more than the time that passed between two tokens."""
    return abs(one - other) > 60 if type(one) is type(other) is int else one != other


@pytest.mark.parametrize("lie", [lie for lie in TOKEN_LIES | EMAIL_LIES if not lie.startswith("signature: ")])
def test_a_false_claim_is_signed_well(provider, lie):
    honest = verified(provider, tokens(provider)["id_token"])
    provider.lie(lie)
    claims = verified(provider, tokens(provider)["id_token"])
    changed = {name for name in honest.keys() | claims.keys() if differ(honest.get(name), claims.get(name))}
    assert changed or provider.userinfo["sub"] != claims["sub"]


def test_it_goes_on_with_a_new_key_after_a_rotation(provider):
    before = tokens(provider)["id_token"]
    provider.rotate()
    assert verified(provider, tokens(provider)["id_token"])["sub"] == provider.user["sub"]
    with pytest.raises(JoseError):
        verified(provider, before)


def test_it_says_of_a_callback_and_of_itself_what_it_is_told_to(provider):
    provider.lie("iss of another provider")
    provider.lie("keys are at the metadata service")
    found = requests.get(f"{provider.address}{oidc.DISCOVERY}", timeout=10).json()
    assert found["jwks_uri"] == METADATA_SERVICE
    back = brought(provider.authorize(asked(f"{provider.address}/authorize")))
    assert back["iss"] == "https://idp.stranger.example"


def test_a_body_is_endless_or_nonsense_or_leads_elsewhere(provider):
    for body in ("huge", "slow"):
        provider.lie(f"token answers {body}")
        with requests.post(f"{provider.address}{TOKEN}", stream=True, timeout=10) as answer:
            assert "Content-Length" not in answer.headers
            size = len(PIECE) * 2 if body == "huge" else 2
            assert next(answer.iter_content(size)).strip() == b""
    provider.lie("token answers elsewhere")
    answer = requests.post(f"{provider.address}{TOKEN}", allow_redirects=False, timeout=10)
    assert answer.headers["Location"] == METADATA_SERVICE
    for body, content in NONSENSE.items():
        provider.lie(f"token answers {body}")
        assert requests.post(f"{provider.address}{TOKEN}", timeout=10).text == content
    assert provider.times(TOKEN) == len(BODIES)


def test_every_lie_has_a_name_of_its_own():
    parts = (oidc.TOKEN_LIES, oidc.EMAIL_LIES, oidc.CALLBACK_LIES, oidc.DISCOVERY_LIES, oidc.BODY_LIES)
    assert len(oidc.LIES) == sum(len(part) for part in parts)


def test_two_providers_are_two_issuers(provider, other_provider):
    assert provider.address != other_provider.address
    with pytest.raises(AssertionError):
        provider.authorize(asked(f"{other_provider.address}/authorize"))


# ---- somebody else's OpenID provider


def test_the_honest_provider_signs_in_whoever_the_person_says(honest_provider):
    honest_provider.person("00u-ines", email="ines@alderpeak.example", email_verified=True, groups=["Engineers"])
    found = requests.get(f"{honest_provider.address}{oidc.DISCOVERY}", timeout=10).json()
    assert found["issuer"] == honest_provider.address
    code = brought(honest_provider.authorize(asked(found["authorization_endpoint"]), "00u-ines"))["code"]
    body = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "client_id": CLIENT_ID}
    basic = (CLIENT_ID, CLIENT_SECRET)
    given = requests.post(found["token_endpoint"], data=body, auth=basic, timeout=10).json()
    claims = verified(honest_provider, given["id_token"])
    assert (claims["sub"], claims["nonce"], claims["groups"]) == ("00u-ines", "nonce-1", ["Engineers"])
    assert requests.post(found["token_endpoint"], data=body, auth=basic, timeout=10).status_code == 400


# ---- WorkOS


def profile_request(fake, **changes):
    query = {"client_id": workos.CLIENT_ID, "connection": workos.CONNECTION, "scope": ABSENT, "nonce": ABSENT}
    return asked(f"{fake.address}/sso/authorize", **query | changes)


def profile(fake, code, **changes):
    body = {"client_id": workos.CLIENT_ID, "client_secret": workos.API_KEY, "grant_type": "authorization_code"}
    body |= {"code": code, "code_verifier": VERIFIER} | changes
    return requests.post(f"{fake.address}/sso/token", data=body, timeout=10)


@pytest.mark.parametrize(
    "selector",
    [{}, {"connection": ABSENT, "organization": workos.ORGANIZATION, "login_hint": "ines@alderpeak.example"}],
)
def test_workos_gives_a_profile_for_a_code_once(workos, selector):
    back = brought(workos.authorize(profile_request(workos, **selector)))
    assert back == {"code": back["code"], "state": "state-1"}
    given = profile(workos, back["code"]).json()
    assert given["profile"]["email"] == "ines@alderpeak.example"
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    assert requests.get(f"{workos.address}/sso/profile", headers=bearer, timeout=10).json() == given["profile"]
    again = profile(workos, back["code"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "another-verifier"}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"client_secret": "sk_test_guessed"}, "invalid_client"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
    ],
)
def test_workos_refuses_who_did_not_ask(workos, changes, error):
    code = brought(workos.authorize(profile_request(workos)))["code"]
    assert profile(workos, code, **changes).json()["error"] == error


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"connection": "conn_none"}, "connection_invalid"),
        ({"connection": ABSENT, "organization": "org_none"}, "organization_invalid"),
        ({"organization": "org_none"}, "invalid_connection_selector"),
        ({"connection": ABSENT}, "invalid_connection_selector"),
    ],
)
def test_workos_sends_back_what_is_wrong_with_the_request(workos, changes, error):
    back = brought(workos.authorize(profile_request(workos, **changes)))
    assert (back["error"], back["state"]) == (error, "state-1")


def test_workos_lies_as_it_is_told_to(workos):
    workos.profile = {"organization_id": "org_stranger", "email": None}
    given = profile(workos, brought(workos.authorize(profile_request(workos)))["code"]).json()["profile"]
    assert (given["organization_id"], given["email"]) == ("org_stranger", None)
    workos.fault = (503, {"message": "Service unavailable"})
    assert profile(workos, "any").status_code == 503
    workos.error = "access_denied"
    assert brought(workos.authorize(profile_request(workos)))["error"] == "access_denied"
