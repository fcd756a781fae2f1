"""A session is asked anew for each request: whatever ends its link or its maker ends it at once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from sharing import actions
from sharing.actions.redemption import LinkCannotBeOpened
from sharing.actions.sessions import SessionEnded
from tenants import actions as tenants
from tests.factories import make_member, make_place
from tests.sharing.conftest import FILES, RECIPIENT, link_of, remove, share


def redeemed(made):
    return actions.redeem_share(token=made.token, origin=RECIPIENT).session_token


def works(session_token):
    try:
        return actions.open_session(session_token=session_token, origin=RECIPIENT)
    except SessionEnded:
        return None


def test_it_stands_for_the_recipient_of_that_link(place):
    made = share(place)
    actor = works(redeemed(made))
    assert (actor.id, actor.organization_id, actor.environment_id) == (made.link.id, place.id, place.live_id)
    assert actor.pinned == frozenset(FILES)
    assert actor.origin is RECIPIENT


def test_it_may_be_used_often(place):
    token = redeemed(share(place))
    assert all(works(token) for _ in range(3))


@pytest.mark.parametrize("token", ["", "hqt_", "x" * 10_000, "\0", "\ud800", "hqt_" + "A" * 43])
def test_what_is_no_session_is_refused(place, token):
    redeemed(share(place))
    with pytest.raises(SessionEnded, match="over or was never there"):
        actions.open_session(session_token=token, origin=RECIPIENT)


def test_the_link_s_own_token_is_no_session(place):
    made = share(place)
    redeemed(made)
    assert works(made.token) is None


def test_it_ends_15_minutes_after_opening(place, earlier):
    made = share(place, seconds=3600)
    earlier(timedelta(minutes=14, seconds=58))
    assert works(redeemed(made))
    made = share(place, seconds=3600)
    earlier(timedelta(minutes=15))
    assert works(redeemed(made)) is None


def test_it_outlives_the_time_to_open_the_link(place):
    """The life of a link says until when it can be opened, not for how long."""
    made = share(place, seconds=60)
    session = actions.redeem_share(token=made.token, origin=RECIPIENT)
    assert session.expires_at > made.link.expires_at + timedelta(minutes=13)


def test_it_ends_when_the_link_is_revoked(place):
    made = share(place)
    token = redeemed(made)
    with tenant(place.id):
        actions.revoke_share(actor=place.actor(), share_id=made.link.id)
    assert works(token) is None


def test_it_ends_when_the_maker_leaves(place):
    person = make_member(place, Role.DEVELOPER)
    made = share(place, actor=place.actor(Role.DEVELOPER, person))
    token = redeemed(made)
    assert works(token)
    remove(place, made)
    assert works(token) is None


def test_it_ends_when_the_maker_may_no_longer_do_what_it_gives(place):
    """Demoted to a role that reads but does not share."""
    person = make_member(place, Role.DEVELOPER)
    made = share(place, actor=place.actor(Role.DEVELOPER, person))
    token = redeemed(made)
    with tenant(place.id):
        membership_id = link_of(made).membership_id
        assert membership_id is not None
        tenants.change_role(actor=place.actor(), member_id=membership_id, role=Role.ANALYST)
    assert works(token) is None


def test_a_link_made_with_an_api_key_ends_with_the_key(place):
    scopes = frozenset({Permission.SHARES_CREATE, Permission.OBJECTS_READ})
    with tenant(place.id):
        key = tenants.create_api_key(actor=place.actor(), name="ci", scopes=scopes).key
    machine = replace(
        place.actor(), kind="api_key", id=key.id, label="ci", method=AuthMethod.API_KEY, permissions=scopes
    )
    opened, waiting = share(place, actor=machine), share(place, actor=machine)
    token = redeemed(opened)
    assert works(token)
    with tenant(place.id):
        tenants.revoke_api_key(actor=place.actor(), key_id=key.id)
    assert works(token) is None
    with pytest.raises(LinkCannotBeOpened):
        redeemed(waiting)


def test_a_link_made_with_an_api_key_ends_when_the_key_s_maker_leaves(place):
    person = make_member(place, Role.ADMIN)
    scopes = frozenset({Permission.SHARES_CREATE, Permission.OBJECTS_READ})
    with tenant(place.id):
        key = tenants.create_api_key(actor=place.actor(Role.ADMIN, person), name="ci", scopes=scopes).key
    machine = replace(
        place.actor(Role.ADMIN, person), kind="api_key", id=key.id, method=AuthMethod.API_KEY, permissions=scopes
    )
    made = share(place, actor=machine)
    token = redeemed(made)
    remove(place, made)
    assert works(token) is None


def test_sessions_of_two_organizations_lead_to_their_own(place):
    other = make_place()
    with tenant(other.id):
        theirs = actions.create_share(actor=other.actor(), paths=["inbox/x"], permission="write", ttl_seconds=900)
    assert works(redeemed(theirs)).organization_id == other.id
    assert works(redeemed(share(place))).organization_id == place.id
