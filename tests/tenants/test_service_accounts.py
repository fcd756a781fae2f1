"""create_service_account, end_service_account, and the keys of one."""

from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.db import connection

from audit.models import AuditEvent
from hq.authz import gate
from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, Invalid, NotFound, Unauthenticated
from tenants import actions, selectors
from tenants.actions.api_keys import ScopeNotYours
from tenants.actions.service_accounts import ServiceAccountNameTaken
from tenants.models import AclEntry, ApiKey
from tests.factories import ORIGIN, make_place
from tests.tenants.support import member_of, only_rules, session_of, tags_of

pytestmark = pytest.mark.django_db
READ = frozenset({Permission.OBJECTS_READ})


def create(place, name="nightly"):
    return actions.create_service_account(actor=place.actor(), name=name)


def key_for(place, account, scopes=READ, actor=None):
    return actions.create_api_key(
        actor=actor or place.actor(), name="key", scopes=scopes, service_account_id=account.id
    )


def authenticate(secret):
    return actions.authenticate_api_key(secret=secret, origin=ORIGIN)


def test_its_key_acts_as_the_account_and_stays_when_its_maker_leaves(inside):
    admin = member_of(inside, Role.ADMIN)
    account = create(inside)
    made = key_for(inside, account, actor=session_of(inside, admin.user))
    actions.remove_member(actor=inside.actor(), member_id=admin.id)
    actor = authenticate(made.secret)
    assert (actor.principal_id, actor.person_id, actor.role) == (account.id, None, Role.SERVICE_ACCOUNT)


def test_where_only_rules_open_files_its_key_reaches_what_its_rules_give(inside):
    only_rules(inside)
    account = create(inside)
    actions.give_access(actor=inside.actor(), prefix="a/", level=Level.READ, service_account_id=account.id)
    actor = authenticate(key_for(inside, account).secret)
    assert gate.allows(actor, Permission.OBJECTS_READ, path="a/b")
    assert not gate.allows(actor, Permission.OBJECTS_READ, path="b")
    assert not gate.allows(actor, Permission.OBJECTS_WRITE, path="a/b")


def test_ending_it_refuses_its_keys_and_takes_its_rules_in_both_environments(inside):
    account, other = create(inside), create(inside, "other")
    made, kept = key_for(inside, account), key_for(inside, other)
    for where in (inside.actor(), inside.actor().at(inside.test_id)):
        actions.give_access(actor=where, prefix="a/", level=Level.READ, service_account_id=account.id)
        actions.give_access(actor=where, prefix="a/", level=Level.READ, service_account_id=other.id)
    assert (
        selectors.count_keys_of(inside.actor(), account.id),
        selectors.count_entries(inside.actor(), who=account.id),
    ) == (1, 2)
    actions.end_service_account(actor=inside.actor(), account_id=account.id)
    with pytest.raises(Unauthenticated):
        authenticate(made.secret)
    assert authenticate(kept.secret).principal_id == other.id
    assert set(AclEntry.objects.values_list("service_account_id", flat=True)) == {other.id}
    assert ApiKey.objects.get(pk=made.key.id).state == "revoked"
    event = AuditEvent.objects.get(tag="service_account:ended")
    assert event.detail["before"] == {"name": "nightly", "keys": ["key"], "rules": 2}
    assert [one.name for one in selectors.list_service_accounts(inside.actor())] == ["other"]
    with pytest.raises(NotFound):
        actions.end_service_account(actor=inside.actor(), account_id=account.id)
    with pytest.raises(NotFound):
        key_for(inside, account)


def test_its_name_is_free_again_once_it_has_ended(inside):
    account = create(inside)
    with pytest.raises(ServiceAccountNameTaken):
        create(inside, "NIGHTLY")
    actions.end_service_account(actor=inside.actor(), account_id=account.id)
    assert create(inside).id != account.id


def test_asked_twice_with_one_id_it_is_made_once(inside):
    wanted = uuid4()
    for _ in range(2):
        actions.create_service_account(actor=inside.actor(), name="nightly", account_id=wanted)
    assert tags_of(inside).count("service_account:created") == 1


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "a\x07b"])
def test_it_needs_a_name_that_can_be_read(inside, name):
    with pytest.raises(Invalid):
        create(inside, name)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.AUDITOR, Role.DEVELOPER])
def test_roles_that_may_not_change_access_make_and_end_none(inside, role):
    account, actor = create(inside), session_of(inside, member_of(inside, role).user)
    with pytest.raises(Denied):
        actions.create_service_account(actor=actor, name="x")
    with pytest.raises(Denied):
        actions.end_service_account(actor=actor, account_id=account.id)
    with pytest.raises(Denied):
        key_for(inside, account, actor=actor)


def test_its_key_is_given_nothing_that_a_service_account_never_has(inside):
    with pytest.raises(ScopeNotYours):
        key_for(inside, create(inside), frozenset({Permission.MEMBERS_INVITE}))


def test_one_of_another_organization_looks_like_nothing(inside):
    elsewhere = make_place()
    with tenant(elsewhere.id):
        foreign = create(elsewhere)
    for act in (
        lambda: actions.end_service_account(actor=inside.actor(), account_id=foreign.id),
        lambda: key_for(inside, foreign),
        lambda: selectors.list_keys_of(inside.actor(), foreign.id),
    ):
        with pytest.raises(NotFound):
            act()


@pytest.mark.django_db(transaction=True)
def test_a_key_that_is_made_while_it_ends_does_not_stay_behind(place):
    with tenant(place.id):
        account = create(place)
    both = Barrier(2)

    def at_once(act):
        both.wait()
        try:
            with tenant(place.id):
                act()
        except NotFound:
            return
        finally:
            connection.close()

    acts = (
        lambda: key_for(place, account),
        lambda: actions.end_service_account(actor=place.actor(), account_id=account.id),
    )
    threads = [Thread(target=at_once, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with tenant(place.id):
        assert not ApiKey.objects.filter(service_account=account, revoked_at=None).exists()
