"""Providers of sign-in, and networks of the deployment's own, as the environment names them."""

from ipaddress import ip_network

import pytest
from django.core.exceptions import ImproperlyConfigured

from hq import env, guards, settings, sign_in


@pytest.fixture
def environment(monkeypatch):
    def set_to(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"HQ_{name}", value)

    return set_to


def keys(name):
    return {f"SIGN_IN_{name}_CLIENT_ID": "id", f"SIGN_IN_{name}_CLIENT_SECRET": "secret"}


def test_nothing_named_is_nothing_offered():
    assert sign_in.from_environment() == {}


def test_providers_are_read_in_their_order_with_what_is_known_of_them(environment, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    environment(SIGN_IN_PROVIDERS="google, github acme-corp", **keys("GOOGLE"), **keys("GITHUB"))
    environment(SIGN_IN_ACME_CORP_CLIENT_ID="id", SIGN_IN_ACME_CORP_CLIENT_SECRET_FILE=str(secret))
    environment(SIGN_IN_ACME_CORP_ISSUER="https://id.acme.example", SIGN_IN_ACME_CORP_TITLE="Acme")
    found = sign_in.from_environment()
    assert list(found) == ["google", "github", "acme-corp"]
    assert (found["google"]["title"], found["google"]["issuer"]) == ("Google", "https://accounts.google.com")
    assert (found["github"]["kind"], found["github"]["title"]) == ("github", "GitHub")
    assert found["acme-corp"] == {
        "kind": "openid",
        "title": "Acme",
        "client_id": "id",
        "secret": "from a file",
        "issuer": "https://id.acme.example",
    }


@pytest.mark.parametrize("missing", ["CLIENT_ID", "CLIENT_SECRET", "ISSUER"])
def test_a_provider_that_is_half_named_stops_the_start(environment, monkeypatch, missing):
    environment(SIGN_IN_PROVIDERS="acme", SIGN_IN_ACME_ISSUER="https://id.acme.example", **keys("ACME"))
    monkeypatch.delenv(f"HQ_SIGN_IN_ACME_{missing}")
    with pytest.raises(ImproperlyConfigured, match=f"HQ_SIGN_IN_ACME_{missing}"):
        sign_in.from_environment()


@pytest.mark.parametrize("name", ["sso-x", "Acme", "acme/x", "-acme", "a" * 31])
def test_a_name_that_would_not_do_in_an_address_stops_the_start(environment, name):
    environment(SIGN_IN_PROVIDERS=name)
    with pytest.raises(ImproperlyConfigured, match="HQ_SIGN_IN_PROVIDERS"):
        sign_in.from_environment()


@pytest.mark.parametrize("name", ["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET_FILE"])
def test_former_names_are_not_passed_over(environment, name):
    environment(**{name: "x"})
    with pytest.raises(ImproperlyConfigured, match="HQ_SIGN_IN_GOOGLE_CLIENT_ID"):
        sign_in.from_environment()


def test_production_asks_for_issuers_over_tls():
    plain = {"kind": "openid", "issuer": "http://id.acme.example"}
    told = guards.reasons(vars(settings) | {"SIGN_IN_PROVIDERS": {"acme-corp": plain}})
    assert "HQ_SIGN_IN_ACME_CORP_ISSUER must begin with https://." in told


def test_networks_are_read_as_cidrs_and_nothing_else(environment):
    environment(OUTBOUND_NETWORKS="10.20.0.0/16, fd00::/8")
    assert env.networks("HQ_OUTBOUND_NETWORKS") == [ip_network("10.20.0.0/16"), ip_network("fd00::/8")]
    for wrong in ("10.20.0.1/16", "intranet"):
        environment(OUTBOUND_NETWORKS=wrong)
        with pytest.raises(ImproperlyConfigured, match="HQ_OUTBOUND_NETWORKS"):
            env.networks("HQ_OUTBOUND_NETWORKS")
