"""The directory's token: whose it is, and that nothing of another organization is there for it."""

import pytest

from audit import selectors as trail
from audit.models import AccessEntry
from audit.selectors import Filters
from directory.actions.scim_tokens import (
    PERMISSIONS,
    ScimTokenAlreadyMade,
    ScimTokenRevoked,
    TwoTokensLive,
    create_scim_token,
    revoke_scim_token,
)
from directory.models import ScimToken
from directory.selectors.scim import list_tokens
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.env import Rate
from hq.lib.errors import Denied
from hq.lib.ids import new_id
from tenants.models import Organization
from tests.directory.scim_support import Directory
from tests.factories import make_api_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def directory():
    return Directory()


def test_a_token_is_kept_as_its_digest_and_told_in_the_trail(directory):
    with tenant(directory.place.id):
        token = ScimToken.objects.get()
        assert directory.token.startswith("hqd_")
        assert (len(directory.token), token.hint) == (47, directory.token[-4:])
        assert directory.token.encode() not in bytes(token.token_digest)
        [event] = trail.list_events(
            directory.place.actor(), Filters(tag="directory_token:created"), before=None, limit=5
        )
        assert (event.target_id, event.environment_id) == (str(token.id), directory.place.live_id)
        assert directory.token not in str(event.detail)


def test_two_tokens_live_side_by_side_and_no_third(directory):
    actor = directory.place.actor()
    with tenant(directory.place.id):
        second = create_scim_token(actor=actor)
        with pytest.raises(TwoTokensLive):
            create_scim_token(actor=actor)
        first = next(token for token in list_tokens(actor) if token.id != second.token.id)
    assert directory.send("GET", "Users").status_code == 200
    with tenant(directory.place.id):
        revoke_scim_token(actor=actor, token_id=first.id)
        with pytest.raises(ScimTokenRevoked):
            revoke_scim_token(actor=actor, token_id=first.id)
        again = new_id()
        create_scim_token(actor=actor, token_id=again)
        with pytest.raises(ScimTokenAlreadyMade):
            create_scim_token(actor=actor, token_id=again)
    assert directory.send("GET", "Users").status_code == 401
    directory.token = second.secret
    assert directory.send("GET", "Users").status_code == 200


def test_only_those_who_may_change_identity_make_tokens(directory):
    with tenant(directory.place.id), pytest.raises(Denied):
        create_scim_token(actor=directory.place.actor(Role.AUDITOR))


def test_a_token_of_another_organization_is_no_token(directory):
    other = Directory()
    made = other.user("eve")
    mine, other.token = other.token, directory.token
    strange = [other.send("GET", path) for path in ("Users", f"Users/{made['id']}", "ServiceProviderConfig")]
    other.token = "hqd_" + "x" * 43
    unknown = other.send("GET", "Users")
    other.token = ""
    nothing = other.send("GET", "Users")
    missing = directory.client.get(f"/scim/v2/{new_id()}/Users", headers={"authorization": f"Bearer {directory.token}"})
    for answer in (*strange, unknown, nothing, missing):
        assert (answer.status_code, answer.content) == (401, unknown.content)
    other.token = mine
    assert other.send("GET", "Users").status_code == 200


def test_what_another_organization_keeps_is_not_there(directory):
    other = Directory()
    eve = other.user("eve", externalId="x1")
    group = other.group("Others", eve["id"])
    active = {"op": "replace", "path": "active", "value": False}
    for answer in (
        directory.send("GET", f"Users/{eve['id']}"),
        directory.patch(f"Users/{eve['id']}", active),
        directory.send("DELETE", f"Users/{eve['id']}"),
        directory.send("PUT", f"Users/{eve['id']}", {"userName": directory.address("eve")}),
        directory.send("GET", f"Groups/{group['id']}"),
        directory.patch(f"Groups/{group['id']}", {"op": "remove", "path": "members"}),
        directory.send("DELETE", f"Groups/{group['id']}"),
    ):
        assert answer.status_code == 404
    for asked in (f'userName eq "{other.address("eve")}"', 'externalId eq "x1"', f'id eq "{eve["id"]}"', "userName pr"):
        assert directory.find("Users", asked) == []
    assert other.send("GET", f"Users/{eve['id']}").json() == eve


def test_an_api_key_is_no_token_and_a_token_is_no_api_key(directory):
    token, directory.token = directory.token, make_api_key(directory.place)
    assert directory.send("GET", "Users").status_code == 401
    assert directory.client.get("/v1/me", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_a_directory_reads_no_file_and_no_trail():
    assert {str(permission).partition(":")[0] for permission in PERMISSIONS} == {"access", "members"}


def test_a_token_of_an_organization_that_is_shut_opens_nothing(directory):
    with tenant(directory.place.id):
        Organization.objects.filter(pk=directory.place.id).update(state=Organization.State.SUSPENDED)
    assert directory.send("GET", "Users").status_code == 401


def test_the_access_log_names_the_directory_and_when_it_last_asked_is_kept(directory):
    directory.send("GET", "Users/no-such-id")
    with tenant(directory.place.id):
        line = AccessEntry.objects.latest("at")
        assert (line.actor_kind, line.status, line.method) == ("directory", 404, "directory")
        assert ScimToken.objects.get().last_used_at


def test_a_directory_is_counted_and_told_when_to_come_again(directory, settings):
    settings.LIMIT_KEY = Rate(2, 3600)
    answers = [directory.send("GET", "Users") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2]["Retry-After"]) >= 1
    assert answers[2].json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]


def test_many_tokens_that_nobody_has_are_turned_away_and_the_right_one_is_not(directory, settings):
    settings.LIMIT_UNKNOWN = Rate(2, 3600)
    mine, directory.token = directory.token, "hqd_" + "x" * 43
    directory.client.defaults["REMOTE_ADDR"] = "192.0.2.41"
    assert [directory.send("GET", "Users").status_code for _ in range(3)] == [401, 401, 429]
    directory.token = mine
    assert directory.send("GET", "Users").status_code == 200
