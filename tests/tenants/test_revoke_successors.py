"""Revoking a key ends what it was rotated into: who had it may have done that, and have the new one (ACC-3)."""

from datetime import timedelta

import pytest
from django.test import Client

from audit.models import AuditEvent
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Unauthenticated
from tenants import actions, selectors
from tests.factories import ORIGIN, make_member, make_place

pytestmark = pytest.mark.django_db
READ = frozenset({Permission.OBJECTS_READ})
MAKING = READ | {Permission.API_KEYS_CREATE, Permission.API_KEYS_REVOKE}


@pytest.fixture
def place():
    return make_place()


def create(place, actor=None, scopes=MAKING, **more):
    with tenant(place.id):
        return actions.create_api_key(actor=actor or place.actor(), name="backup", scopes=scopes, **more)


def rotate(place, made, actor=None, **more):
    with tenant(place.id):
        return actions.rotate_api_key(actor=actor or place.actor(), key_id=made.key.id, **more)


def revoke(place, made, actor=None, **more):
    with tenant(place.id):
        return actions.revoke_api_key(actor=actor or place.actor(), key_id=made.key.id, **more)


def by(made):
    return actions.authenticate_api_key(secret=made.secret, origin=ORIGIN)


def works(*keys):
    found = []
    for made in keys:
        try:
            by(made)
        except Unauthenticated:
            found.append(False)
        else:
            found.append(True)
    return found


def test_what_a_leaked_key_rotated_itself_into_ends_with_it_and_what_these_made(place):
    leaked, apart = create(place), create(place)
    second = rotate(place, leaked, by(leaked))
    third = rotate(place, second, by(second))
    made = create(place, by(third), READ)
    assert revoke(place, leaked) == 3
    assert works(leaked, second, third, made, apart) == [False, False, False, False, True]
    with tenant(place.id):
        told = {event.target_id: event.detail["after"] for event in AuditEvent.objects.filter(tag="api_key:revoked")}
    assert told[str(third.key.id)] == told[str(made.key.id)] == {"with": str(leaked.key.id)}


def test_it_does_so_after_the_leaked_ones_grace_too(place):
    leaked = create(place)
    second = rotate(place, leaked, by(leaked), grace_hours=0)
    assert works(leaked, second) == [False, True]
    assert revoke(place, leaked) == 1
    assert works(second) == [False]


def test_who_has_switched_ends_the_old_one_alone(place):
    old = create(place)
    made, new = create(place, by(old), READ), rotate(place, old)
    assert revoke(place, old, successors=False) == 1
    assert works(old, made, new) == [False, False, True]


def test_a_successor_that_ends_the_one_before_it_does_not_end_itself(place):
    """As automation does, once everything has the new key."""
    old = create(place)
    new = rotate(place, old, by(old))
    assert revoke(place, old, by(new)) == 0
    assert works(old, new) == [False, True]


def test_what_another_person_made_of_it_is_theirs(place):
    developer = make_member(place, Role.DEVELOPER)
    own = place.actor(Role.DEVELOPER, developer)
    old = create(place, own)
    new = rotate(place, old)
    assert revoke(place, old, own) == 0
    assert works(old, new) == [False, True]


def test_what_a_page_says_would_end_is_what_ends(place):
    old = create(place)
    new = rotate(place, old)
    with tenant(place.id):
        assert [key.id for key in selectors.revoked_with(old.key)] == []
        old.key.refresh_from_db()
        assert [key.id for key in selectors.revoked_with(old.key)] == [new.key.id]
        assert selectors.revoked_with(old.key, successors=False) == []


@pytest.mark.parametrize(
    ("query", "status", "then"), [("", 204, 401), ("?successors=keep", 204, 200), ("?successors=x", 400, 200)]
)
def test_over_v1_successors_end_unless_they_are_to_be_kept(place, query, status, then):
    old, asking = create(place), create(place)
    new = rotate(place, old)
    url = f"/v1/environments/{place.live_id}/api-keys/{old.key.id}{query}"
    answer = Client().delete(url, headers={"authorization": f"Bearer {asking.secret}"})
    assert answer.status_code == status
    assert Client().get("/v1/me", headers={"authorization": f"Bearer {new.secret}"}).status_code == then


def test_a_key_that_rotates_itself_lives_no_longer_than_a_person_let_it(place):
    end = now() + timedelta(days=3)
    old = create(place, expires_at=end)
    second = rotate(place, old, by(old))
    third = rotate(place, second, by(second))
    assert (second.key.expires_at, third.key.expires_at) == (end, end)


def test_a_person_who_rotates_gives_it_a_new_life(place):
    old = create(place, expires_at=now() + timedelta(days=3))
    new = rotate(place, rotate(place, old, by(old)))
    assert new.key.expires_at <= now() + timedelta(days=3)
    assert new.key.expires_at > old.key.expires_at
