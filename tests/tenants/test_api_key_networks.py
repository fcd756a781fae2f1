"""What bounds a key: its networks, and of one that a key made, that key. What ends with a key (ACC-3)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import OperationalError, connection

from audit.models import AuditEvent
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, Unauthenticated
from tenants import actions, selectors
from tenants.actions.api_keys import MadeKey, WiderThanItsMaker
from tenants.models import ApiKey, Membership, Organization
from tests.factories import ORIGIN, make_member, make_place
from tests.tenants.support import at_once

pytestmark = pytest.mark.django_db
READ = frozenset({Permission.OBJECTS_READ})
MAKING = READ | {Permission.API_KEYS_CREATE, Permission.API_KEYS_REVOKE}


def create(place, actor=None, scopes=MAKING, **more):
    with tenant(place.id):
        return actions.create_api_key(actor=actor or place.actor(), name="key", scopes=scopes, **more)


def by(made):
    return actions.authenticate_api_key(secret=made.secret, origin=ORIGIN)


def works(made):
    try:
        by(made)
    except Unauthenticated:
        return False
    return True


def revoke(place, made, actor=None):
    with tenant(place.id):
        return actions.revoke_api_key(actor=actor or place.actor(), key_id=made.key.id)


def rotate(place, made, **more):
    with tenant(place.id):
        return actions.rotate_api_key(actor=place.actor(), key_id=made.key.id, **more)


def test_networks_are_kept_in_one_spelling_and_once():
    asked = [" 203.0.113.7/24 ", "203.0.113.0/24", "2001:DB8::1/32", "198.51.100.4"]
    made = create(make_place(), networks=asked)
    assert made.key.networks == ["203.0.113.0/24", "2001:db8::/32", "198.51.100.4/32"]


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("203.0.113", "is none"),
        ("example.com", "is none"),
        ("::ffff:203.0.113.0/120", "another kind"),
        ("fe80::1%eth0", "another kind"),
        ("0.0.0.0/0", "every address"),
        ("::/0", "every address"),
        ("", "is none"),
    ],
)
def test_what_is_no_network_or_every_one_is_refused_and_pointed_at(network, said):
    with pytest.raises(Invalid, match=said) as refused:
        create(make_place(), networks=["203.0.113.0/24", network])
    assert [error["pointer"] for error in refused.value.errors] == ["/networks/1"]


def test_fifty_networks_are_accepted_and_one_more_is_not():
    place = make_place()
    networks = [f"10.0.{number}.0/24" for number in range(51)]
    assert len(create(place, networks=networks[:50]).key.networks) == 50
    with pytest.raises(Invalid, match="At most 50"):
        create(place, networks=networks)


def test_what_a_key_makes_is_accepted_from_within_its_networks_only():
    place = make_place()
    maker = by(create(place, networks=["203.0.113.0/24", "2001:db8::/32"]))
    for wider in ((), ["203.0.0.0/16"], ["203.0.113.0/25", "198.51.100.0/24"], ["2001:db9::/48"]):
        with pytest.raises(WiderThanItsMaker):
            create(place, maker, networks=wider)
    made = create(place, maker, networks=["203.0.113.0/24", "2001:db8:1::/48"])
    assert made.key.made_by_key_id == maker.id


def test_what_a_key_makes_ends_with_it_at_the_latest():
    place = make_place()
    end = now() + timedelta(days=3)
    maker = by(create(place, expires_at=end))
    for later in (None, end + timedelta(seconds=1)):
        with pytest.raises(Invalid, match="ends with that one"):
            create(place, maker, expires_at=later)
    assert create(place, maker, expires_at=end).key.expires_at == end


def test_a_key_in_its_grace_makes_none_that_work_for_longer():
    place = make_place()
    old = create(place)
    actor = by(old)
    rotate(place, old)
    with pytest.raises(Invalid, match="ends with that one"):
        create(place, actor)


def test_a_key_makes_keys_of_its_own_environment():
    place = make_place()
    in_test = by(create(place, place.actor(environment_id=place.test_id)))
    assert create(place, in_test).secret.startswith("hd_test_")
    assert by(create(place, in_test)).environment_id == place.test_id


def test_revoking_ends_what_the_key_made_and_what_that_made_and_says_how_many():
    place = make_place()
    first, apart = create(place), create(place)
    second = create(place, by(first))
    third = create(place, by(second), READ)
    gone = create(place, by(first), READ)
    revoke(place, gone)
    assert revoke(place, first) == 2
    assert [works(made) for made in (first, second, third, apart)] == [False, False, False, True]
    with tenant(place.id):
        events = list(AuditEvent.objects.filter(tag="api_key:revoked"))
        with_it = {event.target_id: (event.detail["after"] or {}).get("with") for event in events}
    assert with_it == {
        str(gone.key.id): None,
        str(first.key.id): None,
        str(second.key.id): str(first.key.id),
        str(third.key.id): str(first.key.id),
    }


def test_revoking_looks_through_keys_that_have_ended():
    place = make_place()
    first = create(place)
    second = create(place, by(first))
    third = create(place, by(second), READ)
    with tenant(place.id):
        ApiKey.objects.filter(pk=second.key.pk).update(expires_at=now())
    assert revoke(place, first) == 1
    assert not works(third)


def test_revoking_a_key_ends_the_one_that_it_replaced_and_what_that_made():
    place = make_place()
    old = create(place)
    made = create(place, by(old), READ)
    new = rotate(place, old)
    assert revoke(place, new) == 2
    assert [works(each) for each in (old, made, new)] == [False, False, False]


def test_what_a_page_says_would_end_is_what_ends():
    place = make_place()
    old = create(place)
    made, new = create(place, by(old), READ), rotate(place, old)
    with tenant(place.id):
        foreseen = selectors.revoked_with(new.key)
    assert {key.id for key in foreseen} == {old.key.id, made.key.id}


@pytest.mark.django_db(transaction=True)
def test_a_key_that_is_revoked_while_it_makes_another_leaves_none_behind():
    place = make_place()
    for _ in range(4):
        maker = create(place)
        actor = by(maker)
        made = list[MadeKey]()

        def make(actor=actor, made=made):
            try:
                made.append(create(place, actor, READ))
            except Denied:
                return

        at_once(make, partial(revoke, place, maker))
        assert not [one for one in made if works(one)]


@pytest.mark.django_db(transaction=True)
def test_what_locks_several_keys_waits_for_its_turn_before_it_locks_any():
    """One takes them from the maker down, the other from what was made up: they would wait for each other."""
    place = make_place()
    with tenant(place.id):
        account = actions.create_service_account(actor=place.actor(), name="machine").id
    first = create(place)
    second = create(place, by(first))
    asking = by(second)
    acts = (
        lambda: actions.revoke_api_key(actor=place.actor(), key_id=first.key.id),
        lambda: actions.rotate_api_key(actor=asking, key_id=first.key.id),
        lambda: actions.end_service_account(actor=place.actor(), account_id=account),
    )

    def waits(act):
        try:
            with tenant(place.id), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '200ms'")
                act()
        except OperationalError as error:
            return "lock timeout" in str(error)
        finally:
            connection.close()
        return False

    with tenant(place.id), ThreadPoolExecutor(1) as pool:
        Organization.objects.select_for_update(no_key=True).get(pk=place.id)
        assert [pool.submit(waits, act).result() for act in acts] == [True, True, True]
        assert len(ApiKey.objects.select_for_update(no_key=True, nowait=True).filter(revoked_at=None)) == 2


def test_who_removes_a_member_is_told_which_secrets_of_machines_they_know():
    place = make_place()
    member = make_member(place, Role.ADMIN)
    with tenant(place.id):
        account = actions.create_service_account(actor=place.actor(), name="machine")
    actor = place.actor(Role.ADMIN, member)
    known = create(place, actor, READ, service_account_id=account.id)
    create(place, actor, READ)
    create(place, scopes=READ, service_account_id=account.id)
    gone = create(place, actor, READ, service_account_id=account.id)
    revoke(place, gone)
    with tenant(place.id):
        assert [key.id for key in selectors.list_known_to(place.actor(), member.pk)] == [known.key.id]
        with pytest.raises(Denied):
            selectors.list_known_to(place.actor(Role.DEVELOPER), member.pk)
        actions.remove_member(actor=place.actor(), member_id=Membership.objects.get(user=member).id)
        assert AuditEvent.objects.get(tag="member:removed").detail["after"] == {"knows_keys": [known.key.name]}
    assert works(known)
    rotate(place, known, grace_hours=0)
    assert not works(known)
