"""A workload's token for one of HQ's, over HTTP (RFC 8693): what it is worth, and how nothing is given for it."""

from datetime import timedelta

import pytest
import requests
from django.test import Client
from joserfc import jws

from audit.models import AuditEvent
from hq.db.context import tenant
from hq.lib.clock import now
from tenants import actions as tenants
from tenants.models import Organization
from tests.factories import make_place
from tests.idp import oidc
from tests.idp.browsing import forget_keys, somewhere
from tests.idp.workload_tokens import AUDIENCE, CLAIMS, FORGED, MINUTE, UNFIT, published, signed
from tests.workloads.support import GRANT, JWT, Machines, make_machines, pasted, post, terms
from vault import actions as vault
from workloads import actions
from workloads.models import Token, Trust

pytestmark = pytest.mark.django_db
REFUSED = {
    "error": "invalid_request",
    "error_description": "The token was not exchanged. The list of exchanges in HQ says why, to those who may see it.",
}


@pytest.fixture
def machines():
    return make_machines()


def test_a_workloads_token_is_exchanged_for_one_that_works(machines: Machines):
    answer = machines.ask(machines.token())
    assert answer.status_code == 200
    body = answer.json()
    secret = body.pop("access_token")
    assert body == {
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": body["expires_in"],
        "scope": "objects:read objects:write",
    }
    assert 4 * MINUTE <= body["expires_in"] <= 5 * MINUTE  # no longer than the workload's own
    assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")
    assert secret.startswith("hqw_")
    assert len(secret) == 47
    assert secret[4:].isalnum()
    me = machines.use(secret).json()
    assert me["actor"] == {
        "kind": "workload",
        "id": str(machines.trust.id),
        "label": machines.trust.name,
        "role": "service_account",
    }
    assert me["permissions"] == ["objects:read", "objects:write"]
    vault.put_object(actor=machines.owner, path="a/b", chunks=[b"content"])
    read = machines.use(secret, f"/v1/environments/{machines.place.live_id}/objects/a/b")
    assert b"".join(read) == b"content"


def test_a_token_of_a_real_provider_is_exchanged(honest_provider, loopback):
    """Somebody else's OpenID provider: its discovery, its keys, its token."""
    forget_keys(honest_provider)
    honest_provider.person("runner-7", repository="alderpeak/api")
    subject = {"issuer": honest_provider.address, "audience": "hq", "subject": "runner-7", "keys": None}
    machines = make_machines(**subject, claims={"repository": "alderpeak/api"})
    assert machines.trust.source["jwks_uri"].startswith(honest_provider.address)
    token = id_token(honest_provider, "runner-7")
    assert machines.ask(token).status_code == 200
    assert machines.ask(id_token(honest_provider, "runner-8")).json() == REFUSED
    honest_provider.person("runner-7", repository="alderpeak/web")
    assert machines.ask(id_token(honest_provider, "runner-7")).json() == REFUSED
    reasons = [each.reason for each in machines.exchanges()]
    assert reasons == ["claim:repository", "subject", ""]


def id_token(provider, subject):
    """By the code flow, as that provider has no other."""
    found = requests.get(f"{provider.address}{oidc.DISCOVERY}", timeout=10).json()
    back = "https://runner.example/callback"
    query = {"client_id": "hq", "redirect_uri": back, "response_type": "code", "scope": "openid", "nonce": "n"}
    asked = requests.Request("GET", found["authorization_endpoint"], params=query).prepare().url
    code = provider.authorize(asked, subject).partition("code=")[2].partition("&")[0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "client_id": "hq"}
    answer = requests.post(found["token_endpoint"], data=form, auth=("hq", "secret"), timeout=10)
    return answer.json()["id_token"]


def test_no_forged_or_unfit_token_is_exchanged_and_the_organization_sees_why():
    """One place for all of them: a stranger reads the same of each."""
    machines = make_machines(single_use=True)
    attacks = FORGED | UNFIT
    for name, (reason, forge) in attacks.items():
        machines.client.defaults["REMOTE_ADDR"] = somewhere()
        token = forge(machines.claims())
        answer = machines.ask(token)
        expected = REFUSED if token else {**REFUSED, "error_description": answer.json()["error_description"]}
        assert (answer.status_code, answer.json()) == (400, expected), name
        if token:
            seen = machines.last_exchange()
            assert (seen.given, seen.reason) == (False, reason), name
            assert token not in str(seen.detail)
    assert machines.kept() == (0, 0, len(attacks) - 1)
    assert machines.ask(machines.token()).status_code == 200


def test_whatever_the_reason_a_stranger_reads_the_same(machines: Machines):
    place, trust = machines.place, machines.trust
    gone, off, ended, shut = (make_machines() for _ in range(4))
    with tenant(gone.place.id):
        actions.remove_trust(actor=gone.owner, trust_id=gone.trust.id)
    with tenant(off.place.id):
        actions.disable_trust(actor=off.owner, trust_id=off.trust.id)
    with tenant(ended.place.id):
        tenants.end_service_account(actor=ended.owner, account_id=ended.account)
    with tenant(shut.place.id):
        Organization.objects.filter(pk=shut.place.id).update(state=Organization.State.SUSPENDED)
    answers = [each.ask(each.token()) for each in (gone, off, ended, shut)]
    answers += [machines.ask(machines.token(sub="other")), machines.ask(machines.token(), audience="nothing")]
    answers.append(machines.ask(machines.token(), audience=str(place.id)))
    answers.append(machines.ask("not a token", audience=str(trust.id)))
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    assert [answer.json() for answer in answers] == [REFUSED] * len(answers)
    headers = [{name: value for name, value in answer.items() if name != "X-Request-Id"} for answer in answers]
    assert headers == [headers[0]] * len(answers)
    assert [each.reason for each in off.exchanges()] == ["disabled"]
    assert [each.reason for each in ended.exchanges()] == ["account"]
    assert (gone.kept(), shut.kept()) == ((0, 0, 0), (0, 0, 0))


def test_a_trust_that_is_not_there_costs_the_same_signature(machines: Machines, monkeypatch):
    """Or the time would tell which trusts there are."""
    looked_at: list[object] = []
    check = jws.deserialize_compact

    def counted(token, *args, **more):
        looked_at.append(token)
        return check(token, *args, **more)

    monkeypatch.setattr(jws, "deserialize_compact", counted)
    stranger = signed(machines.claims(), oidc.key("a stranger's"), kid=oidc.key("first").kid)
    assert machines.ask(stranger).json() == machines.ask(stranger, audience=str(machines.place.id)).json() == REFUSED
    assert looked_at == [stranger, stranger]


def test_the_trust_may_be_named_by_its_address(machines: Machines, settings):
    machines.exchange(audience=f"{settings.BASE_URL}/v1/workload-trusts/{machines.trust.id}")
    other = f"https://evil.example/v1/workload-trusts/{machines.trust.id}"
    assert machines.ask(machines.token(), audience=other).json() == REFUSED


MALFORMED: list[tuple[dict[str, str | None], str]] = [
    ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
    ({"grant_type": None}, "invalid_request"),
    ({"audience": None}, "invalid_request"),
    ({"audience": ""}, "invalid_request"),
    ({"subject_token": None}, "invalid_request"),
    ({"subject_token_type": None}, "invalid_request"),
    ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
    ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
    ({"resource": "https://hq.example"}, "invalid_request"),
    ({"actor_token": "x"}, "invalid_request"),
    ({"client_secret": "x"}, "invalid_request"),
    ({"scope": "everything"}, "invalid_scope"),
    ({"scope": "objects:read  objects:write"}, "invalid_scope"),
    ({"scope": "objects:delete"}, "invalid_scope"),
    ({"scope": "api_keys:create"}, "invalid_scope"),
]


def test_a_request_that_is_none_is_refused_in_oauths_words(machines: Machines):
    for changes, error in MALFORMED:
        answer = machines.ask(machines.token(), **changes)
        assert (answer.status_code, answer.json()["error"]) == (400, error), changes
        description = answer.json()["error_description"]
        assert description.isascii()
        assert not {'"', "\\"} & {*description}
    assert machines.kept()[0] == 0


@pytest.mark.parametrize(
    "body",
    [
        "",
        "grant_type",
        "=",
        "a=%ff",
        "a=1&a=2",
        "\xff",
        "&".join(f"p{number}=1" for number in range(30)),
        f"grant_type={GRANT}&audience=1&subject_token=2&subject_token_type={JWT}&audience=3",
        '{"grant_type": "x"}',
    ],
)
def test_a_body_that_is_no_form_is_refused(body):
    answer = Client(REMOTE_ADDR=somewhere()).post(
        "/v1/oauth/token", body.encode("latin-1"), content_type="application/x-www-form-urlencoded"
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["error_description"].startswith("Send a form"), "It was read as one."


@pytest.mark.django_db(transaction=True)  # such a refusal undoes what the request did
def test_other_kinds_of_body_and_huge_ones_are_refused(machines: Machines):
    client = machines.client
    form = {"grant_type": GRANT, "audience": str(machines.trust.id), "subject_token": machines.token()}
    form["subject_token_type"] = JWT
    assert client.post("/v1/oauth/token", form, content_type="application/json").status_code == 415
    assert client.post("/v1/oauth/token", form).status_code == 415  # multipart
    assert post(client, form | {"scope": "x" * 70_000}).status_code == 413
    assert client.get("/v1/oauth/token").status_code == 405
    assert machines.kept() == (0, 0, 0)


def test_fewer_scopes_may_be_asked_for(machines: Machines):
    answer = machines.ask(machines.token(), scope="objects:read")
    assert answer.json()["scope"] == "objects:read"
    assert machines.use(answer.json()["access_token"]).json()["permissions"] == ["objects:read"]


def test_the_scope_is_wrong_only_for_who_holds_a_token_that_is_right(machines: Machines):
    assert machines.ask(machines.token(sub="other"), scope="objects:delete").json() == REFUSED
    assert machines.ask(machines.token(), scope="objects:delete").json()["error"] == "invalid_scope"
    assert [each.reason for each in machines.exchanges()] == ["scope", "subject"]


def test_ours_works_at_most_as_long_as_the_trust_says_and_as_theirs():
    machines = make_machines(seconds=60)
    assert machines.ask(machines.token()).json()["expires_in"] == 60
    ending = machines.claims()
    assert 1 <= machines.ask(signed(ending | {"exp": ending["iat"] + 50})).json()["expires_in"] <= 50


def test_each_exchange_is_in_the_trail_and_the_list_without_the_tokens(machines: Machines, caplog):
    caplog.set_level("DEBUG")
    theirs = machines.token()
    ours = machines.ask(theirs, scope="objects:read").json()["access_token"]
    [seen] = machines.exchanges()
    assert (seen.given, seen.reason, seen.detail["given"]["scopes"]) == (True, "", ["objects:read"])
    assert all(check["passed"] for check in seen.detail["checks"])
    assert seen.detail["token"]["claims"]["repository"] == ['"alderpeak/api"']
    with tenant(machines.place.id):
        event = AuditEvent.objects.filter(tag="workload:token_issued").get()
        after = event.detail["after"]
        assert (event.actor_kind, event.actor_id, event.method) == ("workload", machines.trust.id, "workload")
        assert (after["scopes"], after["service_account"]) == (["objects:read"], str(machines.account))
        assert after["token_id"] == str(Token.objects.get().id)
        assert Trust.objects.get(pk=machines.trust.id).last_used_at is not None
        told = f"{seen.detail} {event.detail} {caplog.text}"
    assert ours not in told
    assert theirs not in told
    assert theirs.rpartition(".")[2] not in told


def test_refusals_of_a_trust_fill_its_list_only_so_fast(machines: Machines, monkeypatch):
    monkeypatch.setattr(actions.exchanges, "MOST_REFUSALS", 3)
    for _ in range(6):
        assert machines.ask("x.y.z").json() == REFUSED
    assert machines.kept() == (0, 0, 3)


def test_the_same_key_name_of_another_issuer_opens_nothing(machines: Machines):
    """Two trusts, two issuers, one name of a key: each token counts at its own issuer's keys only."""
    theirs = oidc.key("second").as_dict(private=True) | {"kid": str(oidc.key("first").kid)}
    by = type(oidc.key("second")).import_key(theirs)
    other = make_machines(issuer="https://other.example", keys=published(by).decode())
    assert other.ask(signed(other.claims(), by)).status_code == 200
    assert machines.ask(signed(machines.claims(), by)).json() == REFUSED
    assert other.ask(signed(machines.claims())).json() == REFUSED
    assert machines.exchanges()[0].reason == "signature"


def test_a_token_for_one_trust_is_exchanged_by_another_only_if_that_agrees(machines: Machines):
    narrower = make_machines(machines.place, claims=CLAIMS | {"environment": "production"})
    assert narrower.ask(machines.token()).json() == REFUSED
    assert narrower.ask(machines.token(environment="production")).status_code == 200


# ---- once


def test_a_token_is_exchanged_once_where_the_trust_says_so():
    machines = make_machines(single_use=True)
    token = machines.token(jti="the-one")
    assert machines.ask(token).status_code == 200
    assert machines.ask(token).json() == REFUSED
    again = machines.token(jti="the-one", extra="signed anew, and the same id")
    assert machines.ask(again).json() == REFUSED
    assert [each.reason for each in machines.exchanges()] == ["used", "used", ""]
    assert machines.kept() == (1, 1, 3)


def test_a_refused_request_uses_nothing_up():
    machines = make_machines(single_use=True)
    token = machines.token()
    assert machines.ask(token, scope="objects:delete").json()["error"] == "invalid_scope"
    assert machines.ask(token).status_code == 200


def test_more_than_once_where_the_trust_says_so(machines: Machines):
    token = machines.token(jti=oidc.ABSENT)
    assert [machines.ask(token).status_code for _ in range(3)] == [200] * 3
    assert machines.kept() == (3, 0, 3)


def test_what_is_kept_about_tokens_is_digests(machines: Machines):
    secret = machines.exchange()
    with tenant(machines.place.id):
        token = Token.objects.get()
        assert bytes(token.digest) != secret.encode()
        assert len(bytes(token.digest)) == 32
        assert token.expires_at <= now() + timedelta(minutes=15)


def test_another_place_has_another_trust(machines: Machines):
    theirs = make_machines(make_place(), audience="https://other.example")
    assert theirs.ask(machines.token()).json() == REFUSED
    assert theirs.exchanges()[0].reason == "audience"
    assert machines.trust.conditions["audience"] == AUDIENCE
    assert pasted() == terms()["keys"]
