"""Whose an address is, Google knows only of its own and of those of a Workspace (ACC-1)."""

import pytest
from django.test import RequestFactory

from hq.lib.openid import GOOGLE
from tenants.adapters.social import SignInAdapter

SAID = {"iss": GOOGLE, "sub": "1057", "email": "ines@alder.example", "email_verified": True}


@pytest.mark.parametrize(
    ("said", "verified"),
    [
        ({}, False),
        ({"email": "ines@gmail.com.alder.example"}, False),
        ({"email": "ines@gmail.com"}, True),
        ({"hd": "alder.example"}, True),
        ({"hd": "alder.example", "email_verified": False}, False),
        ({"iss": "https://id.alder.example"}, True),
    ],
)
def test_an_address_that_somebody_had_once_is_confirmed_here_again(settings, said, verified):
    settings.SIGN_IN_PROVIDERS = {
        "google": {"kind": "openid", "title": "Google", "client_id": "1", "secret": "2", "issuer": GOOGLE}
    }
    provider = SignInAdapter().get_provider(RequestFactory().get("/"), "google")
    assert [address.verified for address in provider.extract_email_addresses(SAID | said)] == [verified]
