"""Making and changing trusts: by whom, and what must not be kept."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest

from audit.models import AuditEvent
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, Invalid, NotFound, Refused
from hq.lib.openid import NotAProvider
from hq.lib.outbound import NotFetched
from hq.limits.seats import MOST_FOR_ONE, waiting_for
from hq.limits.slots import Busy
from tenants import actions as tenants
from tests.factories import make_member, make_place
from tests.idp import oidc
from tests.idp.browsing import forget_keys
from tests.idp.loopback import METADATA_SERVICE
from tests.idp.workload_tokens import published
from tests.workloads.support import ISSUER, make_machines, pasted, terms
from workloads import actions, selectors
from workloads.models import Trust

pytestmark = pytest.mark.django_db
TENANT = "1f0e2a3b-4c5d-6e7f-8091-a2b3c4d5e6f7"
GITHUB = {"issuer": "https://token.actions.githubusercontent.com", "subject": "repo:octo/app:environment:production"}
KNOWN = {
    "github": GITHUB,
    "aws": {
        "issuer": "https://12345678-abcd.tokens.sts.global.api.aws",
        "subject": "arn:aws:iam::123456789012:role/builds/nightly",
    },
    "gcp": {"issuer": "https://accounts.google.com", "subject": "108264759021345678901"},
    "azure": {"issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0", "subject": TENANT[::-1].replace("-", "")},
    "kubernetes": {"issuer": "https://kubernetes.default.svc", "subject": "system:serviceaccount:ci:builder"},
}


@pytest.fixture
def place():
    return make_place()


def make(place, *, actor=None, account=None, **changes):
    owner = place.actor()
    with tenant(place.id):
        made = account or tenants.create_service_account(actor=owner, name=f"builder-{Trust.objects.count()}").id
        return actions.create_trust(actor=actor or owner, service_account_id=made, **terms(**changes))


@pytest.mark.parametrize("kind", KNOWN)
def test_each_platform_is_pinned_by_its_own_words(place, kind):
    trust = make(place, kind=kind, claims={}, **KNOWN[kind])
    kept = trust.conditions
    assert (kept["issuer"], kept["subject"]) == (KNOWN[kind]["issuer"], KNOWN[kind]["subject"])
    assert kept["claims"] == ({"tid": TENANT} if kind == "azure" else {})


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("github", {"issuer": "https://token.actions.githubusercontent.com.evil.example"}),
        ("github", {"issuer": "https://token.actions.githubusercontent.com/"}),
        ("github", {"issuer": "http://token.actions.githubusercontent.com"}),
        ("github", {"subject": "repo:octo/app"}),
        ("github", {"subject": "repo:octo/*:environment:production"}),
        ("github", {"subject": "repo:octo/app:*"}),
        ("github", {"subject": "repo:octo/app:"}),
        ("github", {"subject": "octo/app:environment:production"}),
        ("aws", {"issuer": "https://sts.amazonaws.com"}),
        ("aws", {"issuer": "https://x.tokens.sts.global.api.aws.evil.example"}),
        ("aws", {"issuer": "https://evil.example/x.tokens.sts.global.api.aws"}),
        ("aws", {"subject": "arn:aws:sts::123456789012:assumed-role/nightly/session"}),
        ("aws", {"subject": "arn:aws:iam::123456789012:role/*"}),
        ("aws", {"subject": "nightly"}),
        ("gcp", {"issuer": "https://accounts.google.com.evil.example"}),
        ("gcp", {"subject": "builder@project.iam.gserviceaccount.com"}),
        ("azure", {"issuer": "https://login.microsoftonline.com/common/v2.0"}),
        ("azure", {"issuer": "https://login.microsoftonline.com/organizations/v2.0"}),
        ("azure", {"issuer": f"https://login.evil.example/{TENANT}/v2.0"}),
        ("azure", {"claims": {"tid": TENANT[::-1]}}),
        ("kubernetes", {"subject": "system:serviceaccount:ci"}),
        ("kubernetes", {"subject": "system:serviceaccount:ci:*"}),
        ("kubernetes", {"subject": "builder"}),
        ("other", {"issuer": ""}),
        ("other", {"issuer": "issuer.example"}),
        ("other", {"issuer": "file:///etc/passwd"}),
        ("other", {"issuer": "https://user@issuer.example"}),
        ("other", {"issuer": "https://issuer.example/?a=b"}),
        ("other", {"issuer": "https://issuer.example/\r\nX: y"}),
        ("other", {"issuer": "https://issuer.example/" + "a" * 2000}),
        ("other", {"audience": ""}),
        ("other", {"audience": " hq"}),
        ("other", {"audience": "a" * 256}),
        ("other", {"subject": ""}),
        ("other", {"subject": "a\x00b"}),
        ("other", {"subject": "\ud800"}),
        ("other", {"claims": {"": "x"}}),
        ("other", {"claims": {"sub": "x"}}),
        ("other", {"claims": {"a": ["x"]}}),
        ("other", {"claims": {"a": None}}),
        ("other", {"claims": {"a": float("inf")}}),
        ("other", {"claims": {"a": 2**53}}),
        ("other", {"claims": {"a": "x" * 1001}}),
        ("other", {"claims": {f"a{number}": 1 for number in range(11)}}),
        ("other", {"name": ""}),
        ("other", {"name": " \t"}),
        ("other", {"name": "n" * 81}),
        ("other", {"seconds": 59}),
        ("other", {"seconds": 901}),
        ("other", {"scopes": frozenset()}),
        ("other", {"scopes": frozenset({Permission.API_KEYS_CREATE})}),
        ("other", {"scopes": frozenset({Permission.OBJECTS_READ, Permission.KEYS_ROTATE})}),
        ("cloud", {}),
    ],
)
def test_what_is_too_wide_or_no_condition_is_refused_in_words(place, kind, changes):
    with pytest.raises(Invalid) as refusal:
        make(place, kind=kind, **{**KNOWN.get(kind, {}), "claims": {}, **changes})
    assert str(refusal.value)
    assert refusal.value.errors
    with tenant(place.id):
        assert not Trust.objects.exists()


@pytest.mark.parametrize(("kind", "once"), [("github", True), ("aws", True), ("gcp", False), ("other", False)])
def test_tokens_of_some_platforms_are_taken_once_unless_said_otherwise(place, kind, once):
    assert make(place, kind=kind, **{**KNOWN.get(kind, {}), "single_use": None}).single_use is once
    assert make(place, kind=kind, **{**KNOWN.get(kind, {}), "single_use": not once}).single_use is not once


@pytest.mark.parametrize("role", [Role.DEVELOPER, Role.ANALYST, Role.AUDITOR])
def test_only_owners_and_admins_open_a_way_in(place, role):
    person = make_member(place, role)
    with pytest.raises(Denied):
        make(place, actor=place.actor(role, person))
    make(place, actor=place.actor(Role.ADMIN, make_member(place, Role.ADMIN)))


@pytest.mark.parametrize("method", [each for each in AuthMethod if each is not AuthMethod.SESSION])
def test_no_key_and_no_token_opens_another_way_in(place, method):
    machines = make_machines(place)
    actor = replace(place.actor(), method=method)
    said = terms(service_account_id=machines.account)
    acts: list[Callable[[], object]] = [
        lambda: actions.create_trust(actor=actor, **said),
        lambda: actions.disable_trust(actor=actor, trust_id=machines.trust.id),
        lambda: actions.enable_trust(actor=actor, trust_id=machines.trust.id),
        lambda: actions.remove_trust(actor=actor, trust_id=machines.trust.id),
        lambda: actions.change_trust(
            actor=actor, trust_id=machines.trust.id, **{name: said[name] for name in said if name != "kind"}
        ),
    ]
    for act in acts:
        with tenant(place.id), pytest.raises(Denied):
            act()


def test_nobody_gives_a_scope_that_they_do_not_have(place):
    few = replace(place.actor(), permissions=frozenset({Permission.WORKLOADS_MANAGE}), within=frozenset())
    with pytest.raises(Denied, match="do not have yourself"):
        make(place, actor=few)


def test_the_account_is_one_of_this_organization_that_has_not_ended(place):
    theirs = make_machines()
    with pytest.raises(NotFound):
        make(place, account=theirs.account)
    machines = make_machines(place)
    with tenant(place.id):
        tenants.end_service_account(actor=place.actor(), account_id=machines.account)
    with pytest.raises(NotFound):
        make(place, account=machines.account)


def test_a_trust_of_another_place_or_environment_is_not_there(place):
    theirs, owner = make_machines(), place.actor()
    in_test = place.actor(environment_id=place.test_id)
    own = make_machines(place)
    for actor, trust in ((owner, theirs.trust), (in_test, own.trust)):
        said = terms(service_account_id=own.account)
        said.pop("kind")
        acts: list[Callable[[], object]] = [
            partial(selectors.get_trust, actor, trust.id),
            partial(selectors.list_exchanges, actor, trust_id=trust.id),
            partial(actions.disable_trust, actor=actor, trust_id=trust.id),
            partial(actions.remove_trust, actor=actor, trust_id=trust.id),
            partial(actions.change_trust, actor=actor, trust_id=trust.id, **said),
            partial(actions.dry_run, actor=actor, trust_id=trust.id, token="x"),
        ]
        for act in acts:
            with tenant(place.id), pytest.raises(NotFound):
                act()
        with tenant(place.id):
            assert selectors.list_trusts(in_test) == []
            assert [each.id for each in selectors.list_trusts(owner)] == [own.trust.id]


def test_sent_twice_it_is_made_once(place):
    trust = make(place)
    with pytest.raises(Refused, match="sent twice"):
        make(place, trust_id=trust.id)
    theirs = make_machines()
    with pytest.raises(Refused, match="sent twice"):
        make(place, trust_id=theirs.trust.id)


def test_there_are_only_so_many(place, monkeypatch):
    monkeypatch.setattr("workloads.actions.trusts.MOST_TRUSTS", 1)
    make(place)
    with pytest.raises(Refused, match="as many"):
        make(place)


def test_off_and_on_are_told_apart(place):
    owner, trust = place.actor(), make(place)
    with tenant(place.id):
        with pytest.raises(Refused):
            actions.enable_trust(actor=owner, trust_id=trust.id)
        assert actions.disable_trust(actor=owner, trust_id=trust.id).disabled_at is not None
        with pytest.raises(Refused):
            actions.disable_trust(actor=owner, trust_id=trust.id)
        assert actions.enable_trust(actor=owner, trust_id=trust.id).disabled_at is None


def test_the_trail_tells_what_was_trusted_and_what_changed(place):
    machines = make_machines(place)
    other_keys = published(oidc.key("second")).decode()
    said = terms(service_account_id=machines.account, subject="other", keys=other_keys)
    said.pop("kind")
    with tenant(place.id):
        actions.change_trust(actor=place.actor(), trust_id=machines.trust.id, **said)
        actions.remove_trust(actor=place.actor(), trust_id=machines.trust.id)
        made, changed, removed = AuditEvent.objects.filter(target_kind="workload_trust").order_by("index")
    assert made.detail["after"]["issuer"] == ISSUER
    assert made.detail["after"]["keys"].startswith("pasted ")
    assert (changed.detail["before"]["subject"], changed.detail["after"]["subject"]) == (
        made.detail["after"]["subject"],
        "other",
    )
    assert changed.detail["before"]["keys"] != changed.detail["after"]["keys"]
    assert removed.detail["before"] == changed.detail["after"]


# ---- keys


def private_set():
    """One of its keys would do."""
    return json.dumps({"keys": [oidc.key("second").as_dict(private=False), oidc.key("first").as_dict(private=True)]})


def shared_set():
    return json.dumps({"keys": [oidc.key("first").as_dict(private=False), {"kty": "oct", "k": "c2VjcmV0"}]})


@pytest.mark.parametrize(
    "keys",
    [
        "not JSON",
        "[]",
        '{"keys": []}',
        '{"keys": {}}',
        '{"keys": "x"}',
        '{"keys": [7]}',
        "[" * 50_000,
        "\ud800",
        '{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "weak"}]}',
        private_set,
        shared_set,
        lambda: pasted() + " " * 70_000,
    ],
)
def test_only_a_set_of_public_keys_is_taken(place, keys):
    with pytest.raises(Invalid) as refusal:
        make(place, keys=keys() if callable(keys) else keys)
    assert str(refusal.value)


def test_keys_are_looked_for_where_the_issuer_says(provider, loopback, place):
    forget_keys(provider)
    trust = make(place, issuer=provider.address, keys=None)
    assert trust.source == {"jwks_uri": f"{provider.address}{oidc.JWKS}"}
    assert provider.times(oidc.DISCOVERY) == 1


@pytest.mark.parametrize(
    ("lie", "kind"),
    [
        ({"issuer": "https://idp.stranger.example"}, NotAProvider),
        ({"issuer": oidc.ABSENT}, NotAProvider),
        ({"jwks_uri": METADATA_SERVICE}, NotFetched),
        ({"jwks_uri": "file:///etc/passwd"}, NotAProvider),
        ({"jwks_uri": oidc.ABSENT}, NotAProvider),
        ({"jwks_uri": 7}, NotAProvider),
    ],
)
def test_an_issuer_that_lies_about_itself_is_not_trusted(provider, loopback, place, lie, kind):
    provider.discovery |= lie
    with pytest.raises(kind):
        make(place, issuer=provider.address, keys=None)


@pytest.mark.parametrize("path", [oidc.DISCOVERY, oidc.JWKS])
@pytest.mark.parametrize("body", ["huge", "slow", "elsewhere", "a page", "a list"])
def test_an_issuer_that_misbehaves_is_not_trusted(provider, loopback, place, path, body):
    forget_keys(provider)
    provider.bodies[path] = body
    with pytest.raises(Invalid):
        make(place, issuer=provider.address, keys=None)


def test_an_organization_has_no_more_issuers_asked_at_once(provider, loopback, place):
    forget_keys(provider)
    with ExitStack() as held:
        for _ in range(MOST_FOR_ONE):
            held.enter_context(waiting_for(place.id))
        with pytest.raises(Busy):
            make(place, issuer=provider.address, keys=None)
        assert make(make_place(), issuer=provider.address, keys=None).source
        assert make(place).source
    assert provider.times(oidc.DISCOVERY) == 1


def test_private_networks_are_not_asked(place):
    for issuer in ("https://169.254.169.254", "https://10.0.0.1", "https://127.0.0.1:8000"):
        with pytest.raises(NotFetched):
            make(place, issuer=issuer, keys=None)


def test_in_production_there_is_no_plain_http(place, settings):
    settings.PRODUCTION = True
    with pytest.raises(Invalid, match="https"):
        make(place, issuer="http://issuer.example")
