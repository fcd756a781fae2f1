"""Connections to identity providers: what may change when, what is told of it, and when a certificate is warned of."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount

from audit import selectors as trail
from audit.selectors import Filters
from directory.actions import connections as actions
from directory.actions.metadata import NotUsable, parse_metadata
from directory.models import SsoConnection
from directory.selectors import connections as selectors
from hq.authz.actor import Actor
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound
from tenants.models import Organization
from tests.factories import Place, make_member, make_place
from tests.idp.saml import SamlIdp

pytestmark = pytest.mark.django_db(transaction=True)
State = SsoConnection.State
SSO = "https://idp.example/sso"


@pytest.fixture(scope="module")
def idp() -> SamlIdp:
    return SamlIdp.make()


@pytest.fixture(scope="module")
def other_idp() -> SamlIdp:
    return SamlIdp.make("https://other.example/metadata")


class Here:
    """A place, who acts there, and acts on one connection of it."""

    def __init__(self) -> None:
        self.place: Place = make_place()
        self.actor: Actor = self.place.actor()

    def make(self, *, kind: str = "okta", protocol: str = "saml", name: str = "Okta") -> SsoConnection:
        with tenant(self.place.id):
            return actions.create_connection(actor=self.actor, kind=kind, protocol=protocol, name=name)

    def read(self, row: SsoConnection, idp: SamlIdp, sso_url: str = SSO) -> SsoConnection:
        provider = parse_metadata(idp.metadata(sso_url).encode())
        return self.do(actions.set_saml, row, provider=provider)

    def do(
        self, act: Callable[..., SsoConnection], row: SsoConnection, *, actor: Actor | None = None, **named
    ) -> SsoConnection:
        with tenant(self.place.id):
            return act(actor=actor or self.actor, connection_id=row.id, **named)

    def tested(self, row: SsoConnection) -> SsoConnection:
        """As a successful test leaves it."""
        with tenant(self.place.id):
            SsoConnection.objects.filter(pk=row.pk).update(tested_at=now(), tested_by_id=self.place.owner.pk)
        return self.fresh(row)

    def active(self, idp: SamlIdp, **named) -> SsoConnection:
        row = self.tested(self.read(self.make(**named), idp))
        return self.do(actions.enable_connection, row)

    def fresh(self, row: SsoConnection) -> SsoConnection:
        with tenant(self.place.id):
            return selectors.get_connection(self.actor, row.id)

    def events(self) -> list[Any]:
        with tenant(self.place.id):
            events = trail.list_events(self.actor, Filters(), before=None, limit=50)
            return [event for event in events if str(event.tag).startswith("sso:")]

    def tags(self) -> list[str]:
        return [str(event.tag).removeprefix("sso:") for event in self.events()]


@pytest.fixture
def here(db) -> Here:
    return Here()


def two(idp: SamlIdp) -> SamlIdp:
    """The same provider in the middle of changing its key."""
    rolling = SamlIdp(idp.entity_id, list(idp.keys))
    rolling.add_key()
    return rolling


def test_it_begins_as_a_draft_that_is_told(here):
    row = here.make()
    assert (row.state, row.config, here.tags()) == (State.DRAFT, {}, ["created"])
    assert not selectors.is_complete(row)


def test_there_is_an_end_to_how_many(here, monkeypatch):
    monkeypatch.setattr(actions, "MOST_CONNECTIONS", 1)
    here.make()
    with pytest.raises(actions.TooManyConnections):
        here.make()


def test_metadata_is_taken_over_and_its_end_is_known(here, idp):
    row = here.read(here.make(), idp)
    row = here.fresh(row)
    assert row.config["entity_id"] == idp.entity_id
    assert row.config["certificates"] == [idp.keys[0].certificate_pem]
    assert row.certificate_expires_at == selectors.certificates_of(row)[0].expires_at
    assert selectors.is_complete(row)
    told = str(here.events()[0].detail["after"])
    assert selectors.certificates_of(row)[0].fingerprint in told
    assert "BEGIN CERTIFICATE" not in told


def test_only_what_was_tested_is_switched_on(here, idp):
    row = here.read(here.make(), idp)
    with pytest.raises(actions.NotTested):
        here.do(actions.enable_connection, row)
    here.tested(row)
    assert here.do(actions.enable_connection, row).state == State.ACTIVE
    with pytest.raises(actions.AlreadySo):
        here.do(actions.enable_connection, row)
    assert here.tags() == ["enabled", "changed", "created"]


@pytest.mark.parametrize("change", ["provider", "names", "address"])
def test_a_change_of_what_is_trusted_undoes_the_test(here, idp, other_idp, change):
    row = here.tested(here.read(here.make(), idp))
    if change == "provider":
        here.read(row, other_idp)
    elif change == "address":
        here.read(row, idp, "https://idp.example/other")
    else:
        here.do(actions.set_names, row, names={"email": "mail"})
    assert here.fresh(row).tested_at is None
    with pytest.raises(actions.NotTested):
        here.do(actions.enable_connection, row)


def test_a_second_certificate_keeps_the_test_and_a_replaced_one_does_not(here, idp):
    row, rolling = here.tested(here.read(here.make(), idp)), two(idp)
    here.read(row, rolling)
    assert here.fresh(row).tested_at is not None
    here.read(row, SamlIdp(idp.entity_id, rolling.keys[1:]))
    assert here.fresh(row).tested_at is None


def test_what_is_on_changes_neither_its_provider_nor_its_only_certificate(here, idp, other_idp):
    row = here.active(idp)
    renewed = SamlIdp(idp.entity_id, SamlIdp.make().keys)
    for act in (
        lambda: here.read(row, other_idp),
        lambda: here.read(row, idp, "https://idp.example/other"),
        lambda: here.read(row, renewed),
        lambda: here.do(actions.set_names, row, names={"email": "mail"}),
    ):
        with pytest.raises(actions.SwitchOffFirst):
            act()
    assert here.fresh(row).config == row.config


def test_what_is_on_takes_a_second_certificate_and_lets_one_of_two_go(here, idp):
    row, new = here.active(idp), SamlIdp.make().keys[0]
    here.do(actions.add_certificate, row, text=new.certificate_body)
    assert here.fresh(row).config["certificates"] == [idp.keys[0].certificate_pem, new.certificate_pem]
    with pytest.raises(actions.CertificateKnown):
        here.do(actions.add_certificate, row, text=new.certificate_pem)
    with pytest.raises(actions.TooManyCertificates):
        here.do(actions.add_certificate, row, text=SamlIdp.make().keys[0].certificate_pem)
    first = selectors.certificates_of(row)[0].fingerprint
    here.do(actions.remove_certificate, row, fingerprint=first)
    after = here.fresh(row)
    assert (after.config["certificates"], after.state) == ([new.certificate_pem], State.ACTIVE)
    with pytest.raises(actions.AlreadySo):
        here.do(actions.remove_certificate, row, fingerprint=first)
    with pytest.raises(actions.LastCertificate):
        here.do(actions.remove_certificate, row, fingerprint=selectors.certificates_of(after)[0].fingerprint)


def test_of_a_draft_one_of_two_certificates_going_undoes_the_test(here, idp):
    rolling = two(idp)
    row = here.tested(here.read(here.make(), rolling))
    fingerprint = selectors.certificates_of(row)[0].fingerprint
    assert here.do(actions.remove_certificate, row, fingerprint=fingerprint).tested_at is None


def test_a_certificate_that_cannot_be_trusted_is_not_added(here, idp):
    row = here.active(idp)
    with pytest.raises(NotUsable):
        here.do(actions.add_certificate, row, text="nonsense")


# ---- OpenID Connect and WorkOS

DESCRIBED = {"issuer": "https://id.example", "client_id": "hq", "token_endpoint": "https://id.example/token"}


def test_a_secret_is_kept_sealed_and_told_to_nobody(here):
    row = here.make(protocol="oidc")
    here.do(actions.set_code_provider, row, described=DESCRIBED, secret="s3cr3t-of-ours")
    row = here.fresh(row)
    assert (row.secret, selectors.is_complete(row)) == ("s3cr3t-of-ours", True)
    told = {"issuer": "https://id.example", "client_id": "hq", "secret_replaced": True}
    assert here.events()[0].detail["after"] == told
    here.do(actions.set_code_provider, row, described={**DESCRIBED, "client_id": "hq2"})
    assert here.fresh(row).secret == "s3cr3t-of-ours"


def test_what_is_on_takes_a_new_secret_but_no_other_provider(here):
    row = here.make(protocol="oidc")
    here.do(actions.set_code_provider, row, described=DESCRIBED, secret="one")
    row = here.do(actions.enable_connection, here.tested(row))
    here.do(actions.set_code_provider, row, described=DESCRIBED, secret="two")
    assert (here.fresh(row).secret, here.fresh(row).state) == ("two", State.ACTIVE)
    for changed in ({"issuer": "https://evil.example"}, {"client_id": "x"}, {"token_endpoint": "https://evil.example"}):
        with pytest.raises(actions.SwitchOffFirst):
            here.do(actions.set_code_provider, row, described=DESCRIBED | changed)


def test_a_new_secret_of_a_draft_undoes_the_test(here):
    row = here.make(protocol="oidc")
    here.do(actions.set_code_provider, row, described=DESCRIBED, secret="one")
    here.tested(row)
    assert here.do(actions.set_code_provider, row, described=DESCRIBED, secret="two").tested_at is None


def test_each_protocol_takes_its_own(here, idp):
    saml, work_os = here.make(), here.make(kind="workos", protocol="workos")
    with pytest.raises(actions.AlreadySo):
        here.do(actions.set_code_provider, saml, described=DESCRIBED, secret="x")
    with pytest.raises(actions.AlreadySo):
        here.read(work_os, idp)
    here.do(actions.set_code_provider, work_os, described={"client_id": "client_1"}, secret="sk")
    assert not selectors.is_complete(here.fresh(work_os))
    here.do(actions.set_code_provider, work_os, described={"client_id": "client_1", "organization": "org_1"})
    assert selectors.is_complete(here.fresh(work_os))


# ---- roles


def give(here: Here, row: SsoConnection, *groups: tuple[str, Role], actor: Actor | None = None, **more):
    named = {"default_role": Role.ANALYST, "joins": True} | more
    return here.do(actions.set_roles, row, actor=actor, groups=list(groups), **named)


def test_groups_give_roles_also_while_it_is_on(here, idp):
    row = here.active(idp)
    give(here, row, ("Staff", Role.DEVELOPER), ("Ops", Role.ADMIN), joins=False)
    after = here.fresh(row)
    assert (after.groups, after.joins, after.state) == ({"Staff": "developer", "Ops": "admin"}, False, State.ACTIVE)
    assert after.tested_at is not None
    assert here.events()[0].detail["after"] == {"default_role": "analyst", "groups": after.groups, "joins": False}


def test_nobody_becomes_an_owner_or_a_machine_by_a_group(here):
    row = here.make()
    for role in (Role.OWNER, Role.SERVICE_ACCOUNT):
        with pytest.raises(actions.RoleNotYours):
            give(here, row, ("Staff", role))
        with pytest.raises(actions.RoleNotYours):
            give(here, row, default_role=role)


def test_a_group_has_one_role_and_there_are_not_endlessly_many(here):
    row = here.make()
    with pytest.raises(actions.BadMapping, match="twice"):
        give(here, row, ("Staff", Role.ANALYST), ("Staff", Role.ADMIN))
    with pytest.raises(actions.BadMapping, match="at most"):
        give(here, row, *((f"Group {number}", Role.ANALYST) for number in range(actions.MOST_GROUPS + 1)))


# ---- on, off, away


def test_one_is_on_at_a_time_and_the_switch_is_one_act(here, idp, other_idp):
    first = here.active(idp)
    second = here.tested(here.read(here.make(name="Entra"), other_idp))
    with pytest.raises(actions.AlreadySo):  # nobody was told that the first goes off
        here.do(actions.enable_connection, second)
    here.do(actions.enable_connection, second, instead_of=first.id)
    assert (here.fresh(first).state, here.fresh(second).state) == (State.DISABLED, State.ACTIVE)
    assert here.tags()[:2] == ["enabled", "disabled"]
    here.do(actions.enable_connection, first, instead_of=second.id)


def test_it_cannot_be_switched_off_while_the_policy_requires_it(here, idp):
    row = here.active(idp)

    def require(*, required: bool) -> None:
        with tenant(here.place.id):
            Organization.objects.filter(pk=here.place.id).update(
                sso_required=required, break_glass_id=here.place.owner.pk
            )

    require(required=True)
    with pytest.raises(actions.SsoRequired):
        here.do(actions.disable_connection, row)
    with pytest.raises(actions.SwitchOffFirst):
        here.do(actions.remove_connection, row)
    require(required=False)
    assert here.do(actions.disable_connection, row).state == State.DISABLED
    with pytest.raises(actions.AlreadySo):
        here.do(actions.disable_connection, row)


def test_removing_forgets_it_and_who_came_by_it(here, idp):
    row = here.make()
    kept = SocialAccount.objects.create(user=here.place.owner, provider="sso-of-another", uid="1")
    SocialAccount.objects.create(user=here.place.owner, provider=f"sso-{row.id}", uid="1")
    here.do(actions.remove_connection, row)
    assert list(SocialAccount.objects.all()) == [kept]
    assert here.tags() == ["removed", "created"]
    with pytest.raises(NotFound):
        here.fresh(row)


ACTS = {
    "create": lambda here, row, actor: actions.create_connection(actor=actor, kind="okta", protocol="saml", name="x"),
    "saml": lambda here, row, actor: here.do(
        actions.set_saml, row, actor=actor, provider=parse_metadata(SamlIdp.make().metadata(SSO).encode())
    ),
    "code": lambda here, row, actor: here.do(actions.set_code_provider, row, actor=actor, described={}),
    "certificate": lambda here, row, actor: here.do(actions.add_certificate, row, actor=actor, text=""),
    "no certificate": lambda here, row, actor: here.do(actions.remove_certificate, row, actor=actor, fingerprint=""),
    "names": lambda here, row, actor: here.do(actions.set_names, row, actor=actor, names={}),
    "roles": lambda here, row, actor: give(here, row, actor=actor),
    "enable": lambda here, row, actor: here.do(actions.enable_connection, row, actor=actor),
    "disable": lambda here, row, actor: here.do(actions.disable_connection, row, actor=actor),
    "remove": lambda here, row, actor: here.do(actions.remove_connection, row, actor=actor),
}


def test_every_act_asks_for_the_permission(here):
    row = here.make()
    auditor = here.place.actor(Role.AUDITOR, make_member(here.place, Role.AUDITOR))
    with tenant(here.place.id):
        assert selectors.list_connections(auditor) == [row]
    for act in ACTS.values():
        with tenant(here.place.id), pytest.raises(Denied):
            act(here, row, auditor)


def test_another_organizations_connection_looks_like_nothing(here):
    row, there = here.make(), Here()
    for name, act in ACTS.items():
        if name != "create":
            with pytest.raises(NotFound):
                act(there, row, None)
