"""rotate_api_key (ACC-3): a successor as the old key was, and a grace in which both work."""

from datetime import timedelta
from functools import partial

import pytest

from audit.models import AuditEvent
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, NotFound, Unauthenticated
from hq.lib.ids import new_id
from tenants import actions
from tenants.actions.api_keys import (
    KeyAlreadyMade,
    KeyAlreadyRevoked,
    KeyAlreadyRotated,
    KeyExpired,
    KeyOfAnother,
    ScopeNotYours,
    WiderThanItsMaker,
)
from tenants.models import ApiKey, Membership, ServiceAccount
from tests.factories import ORIGIN, make_member, make_place
from tests.tenants.support import at_once, tags_of

pytestmark = pytest.mark.django_db
READ = frozenset({Permission.OBJECTS_READ})
MAKING = READ | {Permission.API_KEYS_CREATE, Permission.API_KEYS_REVOKE}


def create(place, scopes=READ, actor=None, **more):
    with tenant(place.id):
        return actions.create_api_key(actor=actor or place.actor(), name="backup", scopes=scopes, **more)


def rotate(place, made, actor=None, **more):
    with tenant(place.id):
        return actions.rotate_api_key(actor=actor or place.actor(), key_id=made.key.id, **more)


def authenticate(secret):
    return actions.authenticate_api_key(secret=secret, origin=ORIGIN)


def works(made):
    try:
        authenticate(made.secret)
    except Unauthenticated:
        return False
    return True


def row(place, made):
    with tenant(place.id):
        return ApiKey.objects.get(pk=made.key.pk)


def change(place, made, **values):
    with tenant(place.id):
        ApiKey.objects.filter(pk=made.key.pk).update(**values)


def test_both_work_until_the_grace_is_over_and_then_the_new_one_alone():
    place = make_place()
    old = create(place)
    new = rotate(place, old)
    assert (works(old), works(new)) == (True, True)
    assert row(place, old).replaced_by_id == new.key.id
    assert abs(row(place, old).expires_at - now() - timedelta(hours=72)) < timedelta(minutes=1)
    change(place, old, expires_at=now())
    assert (works(old), works(new)) == (False, True)


def test_the_new_one_is_as_the_old_one_was_and_lives_as_long_from_now_on():
    place = make_place()
    with tenant(place.id):
        account = actions.create_service_account(actor=place.actor(), name="machine")
    networks = ["203.0.113.0/24"]
    old = create(
        place, service_account_id=account.id, networks=networks, expires_at=now() + timedelta(days=90), scopes=READ
    )
    change(place, old, created_at=old.key.created_at - timedelta(days=60), expires_at=now() + timedelta(days=30))
    new = rotate(place, old).key
    assert (new.name, new.scopes, new.networks) == ("backup", ["objects:read"], networks)
    assert (new.service_account_id, new.environment_id) == (account.id, place.live_id)
    assert abs(new.expires_at - now() - timedelta(days=90)) < timedelta(minutes=1)
    assert new.hint != row(place, old).hint or new.hash != row(place, old).hash


def test_one_that_never_ends_has_a_successor_that_never_ends():
    place = make_place()
    assert rotate(place, create(place)).key.expires_at is None


def test_a_grace_of_nothing_ends_the_old_one_at_once():
    place = make_place()
    old = create(place)
    new = rotate(place, old, grace_hours=0)
    assert (works(old), works(new)) == (False, True)


def test_the_grace_never_lengthens_the_life_of_the_old_one():
    place = make_place()
    end = now() + timedelta(hours=2)
    old = create(place, expires_at=end)
    rotate(place, old, grace_hours=168)
    assert row(place, old).expires_at == end


@pytest.mark.parametrize("hours", [-1, 169])
def test_a_grace_is_of_no_less_than_nothing_and_of_a_week_at_most(hours):
    place = make_place()
    with pytest.raises(Invalid):
        rotate(place, create(place), grace_hours=hours)


def test_what_has_ended_or_was_rotated_is_not_rotated():
    place = make_place()
    rotated, revoked, expired = create(place), create(place), create(place, expires_at=now() + timedelta(hours=1))
    rotate(place, rotated)
    with tenant(place.id):
        actions.revoke_api_key(actor=place.actor(), key_id=revoked.key.id)
    change(place, expired, expires_at=now())
    for made, refusal in ((rotated, KeyAlreadyRotated), (revoked, KeyAlreadyRevoked), (expired, KeyExpired)):
        with pytest.raises(refusal):
            rotate(place, made)


def test_a_form_sent_twice_makes_one_successor():
    place, successor = make_place(), new_id()
    old = create(place)
    assert rotate(place, old, new_id=successor).key.id == successor
    with pytest.raises(KeyAlreadyMade):
        rotate(place, old, new_id=successor)


@pytest.mark.django_db(transaction=True)
def test_two_who_rotate_at_once_make_one_successor():
    place = make_place()
    others = [make_member(place, Role.ADMIN) for _ in range(2)]
    for _ in range(3):
        old = create(place)
        turns = [partial(rotate, place, old, place.actor(Role.ADMIN, one)) for one in others]
        ended = at_once(*turns)
        assert sorted(ended) == ["KeyAlreadyRotated", "done"]


def test_it_leaves_one_event_which_names_both():
    place = make_place()
    old = create(place)
    new = rotate(place, old)
    with tenant(place.id):
        assert tags_of(place)[-2:] == ["api_key:created", "api_key:rotated"]
        event = AuditEvent.objects.get(tag="api_key:rotated")
        assert (event.target_id, event.detail["after"]["replaced_by"]) == (str(old.key.id), str(new.key.id))
        assert new.secret not in str(event.detail)


def test_a_developer_rotates_keys_of_their_own_only():
    place = make_place()
    developer = place.actor(Role.DEVELOPER, make_member(place, Role.DEVELOPER))
    with pytest.raises(KeyOfAnother):
        rotate(place, create(place), developer)
    assert works(rotate(place, create(place, actor=developer), developer))


def test_it_needs_the_right_to_make_keys():
    place = make_place()
    old = create(place)
    for role in (Role.ANALYST, Role.AUDITOR):
        with pytest.raises(Denied):
            rotate(place, old, place.actor(role))


def test_whoever_rotates_the_key_of_another_gets_one_that_stands_for_themselves():
    """Or rotating would be a way to act as somebody else."""
    place = make_place()
    developer, admin = make_member(place, Role.DEVELOPER), make_member(place, Role.ADMIN)
    old = create(place, actor=place.actor(Role.DEVELOPER, developer))
    new = rotate(place, old, place.actor(Role.ADMIN, admin))
    assert (authenticate(old.secret).person_id, authenticate(new.secret).person_id) == (developer.pk, admin.pk)


def test_scopes_that_whoever_rotates_does_not_have_do_not_come_along():
    place = make_place()
    member = make_member(place, Role.ADMIN)
    old = create(place, READ | {Permission.AUDIT_READ}, place.actor(Role.ADMIN, member))
    with tenant(place.id):
        Membership.objects.filter(user=member).update(role=Role.DEVELOPER)
    with pytest.raises(ScopeNotYours):
        rotate(place, old, place.actor(Role.DEVELOPER, member))
    assert works(old)


def test_a_key_rotates_itself_if_it_may_make_keys():
    place = make_place()
    old, weak = create(place, MAKING), create(place)
    new = rotate(place, old, authenticate(old.secret))
    assert authenticate(new.secret).permissions == MAKING
    with pytest.raises(Denied):
        rotate(place, weak, authenticate(weak.secret))


def test_a_key_does_not_rotate_itself_into_scopes_that_its_maker_lost():
    place = make_place()
    member = make_member(place, Role.ADMIN)
    old = create(place, MAKING | {Permission.AUDIT_READ}, place.actor(Role.ADMIN, member))
    with tenant(place.id):
        Membership.objects.filter(user=member).update(role=Role.DEVELOPER)
    with pytest.raises(ScopeNotYours):
        rotate(place, old, authenticate(old.secret))


def test_a_key_does_not_rotate_a_stronger_one():
    place = make_place()
    strong = create(place, READ | {Permission.OBJECTS_WRITE})
    with pytest.raises(ScopeNotYours):
        rotate(place, strong, authenticate(create(place, MAKING).secret))


def test_a_key_does_not_rotate_one_that_is_accepted_from_where_it_is_not_itself():
    place = make_place()
    bound = authenticate(create(place, MAKING, networks=["203.0.113.0/24"]).secret)
    with pytest.raises(WiderThanItsMaker):
        rotate(place, create(place), bound)
    assert works(rotate(place, create(place, networks=["203.0.113.0/25"]), bound))


def test_what_a_key_gets_by_rotating_another_ends_with_it():
    place = make_place()
    end = now() + timedelta(days=1)
    asking = create(place, MAKING, expires_at=end)
    new = rotate(place, create(place), authenticate(asking.secret))
    assert (new.key.expires_at, new.key.made_by_key_id) == (end, asking.key.id)
    with tenant(place.id):
        actions.revoke_api_key(actor=place.actor(), key_id=asking.key.id)
    assert not works(new)


def test_one_that_a_key_made_does_not_outlive_it_by_rotating_itself():
    place = make_place()
    end = now() + timedelta(days=10)
    maker = create(place, MAKING, expires_at=end)
    made = create(place, MAKING, authenticate(maker.secret), expires_at=end)
    change(place, made, created_at=now() - timedelta(days=300))
    again = rotate(place, made, authenticate(made.secret))
    assert (again.key.expires_at, again.key.made_by_key_id) == (end, maker.key.id)


def test_a_key_of_a_service_account_is_rotated_by_who_may_change_access():
    place = make_place()
    member = make_member(place, Role.ADMIN)
    with tenant(place.id):
        account = actions.create_service_account(actor=place.actor(), name="machine")
    old = create(place, actor=place.actor(Role.ADMIN, member), service_account_id=account.id)
    with tenant(place.id):
        Membership.objects.filter(user=member).update(role=Role.DEVELOPER)
    with pytest.raises(Denied):
        rotate(place, old, place.actor(Role.DEVELOPER, member))
    new = rotate(place, old)
    with tenant(place.id):
        assert authenticate(new.secret).principal_id == ServiceAccount.objects.get(name="machine").id


def test_a_key_of_another_environment_or_organization_is_nothing_to_rotate():
    place, other = make_place(), make_place()
    live, foreign = create(place, MAKING), create(other)
    in_test = create(place, MAKING, place.actor(environment_id=place.test_id))
    for made, actor in (
        (live, place.actor(environment_id=place.test_id)),
        (live, authenticate(in_test.secret)),
        (in_test, authenticate(live.secret)),
        (foreign, place.actor()),
    ):
        with pytest.raises(NotFound):
            rotate(place, made, actor)
