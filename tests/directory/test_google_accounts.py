"""Google signs in Workspaces and everybody else by one issuer: only who is in a Workspace comes in (ACC-4)."""

import pytest

from directory.adapters.oidc import NotOfWorkspace, identity_of
from hq.lib.openid import GOOGLE

SAID = {"iss": GOOGLE, "sub": "1057", "email": "ines+more@alder.example", "email_verified": True}


@pytest.mark.parametrize("said", [{}, {"hd": ""}, {"hd": None}])
def test_an_account_of_ones_own_with_an_address_of_the_organization_is_refused(said):
    """Who has left keeps it, under any + address that they once received mail at, and Google still says verified."""
    with pytest.raises(NotOfWorkspace):
        identity_of(SAID | said, {})


def test_an_account_of_the_workspace_comes_in_and_other_providers_know_no_workspace():
    assert identity_of(SAID | {"hd": "alder.example"}, {}).uid == "1057"
    assert identity_of(SAID | {"iss": "https://id.alder.example"}, {}).uid == "1057"
