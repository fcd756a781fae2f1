"""create_api_key, authenticate_api_key, revoke_api_key (ACC-3)."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest

from audit.models import AuditEvent
from hq.authz.permissions import SCOPES, Permission
from hq.authz.roles import Role
from hq.crypto import passwords
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, NotFound, Unauthenticated
from hq.lib.ids import new_id
from tenants import actions
from tenants.actions.api_keys import KeyAlreadyMade, KeyAlreadyRevoked, KeyOfAnother, ScopeNotYours
from tenants.models import ApiKey, Membership
from tests.factories import ORIGIN, make_api_key, make_member, make_place

pytestmark = pytest.mark.django_db
READ = frozenset({Permission.OBJECTS_READ})


def create(place, scopes=READ, **more):
    with tenant(place.id):
        return actions.create_api_key(actor=place.actor(), name="backup", scopes=scopes, **more)


def authenticate(secret):
    return actions.authenticate_api_key(secret=secret, origin=ORIGIN)


def test_it_has_the_form_that_is_promised_for_each_environment():
    place = make_place()
    assert re.fullmatch(r"hd_live_[A-Za-z0-9]{32}", create(place).secret)
    assert re.fullmatch(r"hd_test_[A-Za-z0-9]{32}", make_api_key(place, environment_id=place.test_id))


def test_it_is_stored_as_argon2id_with_a_salt_of_its_own():
    place = make_place()
    create(place), create(place)
    with tenant(place.id):
        first, second = ApiKey.objects.all()
    assert first.hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first.hash.split("$")[4] != second.hash.split("$")[4]


def test_it_stands_for_its_environment_and_scopes_and_no_more():
    place = make_place()
    actor = authenticate(create(place).secret)
    assert (actor.organization_id, actor.environment_id, actor.permissions) == (place.id, place.live_id, READ)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s[:-1] + ("a" if s[-1] != "a" else "b"),
        lambda s: s.replace("live", "test"),
        lambda s: s[:-1],
        lambda s: s + "a",
        str.upper,
        lambda _: "",
        lambda _: "hd_live_" + "\x00" * 32,
        lambda _: "hd_live_" + "é" * 32,
    ],
)
def test_a_near_miss_opens_nothing_and_costs_no_argon2(change, monkeypatch):
    secret = create(make_place()).secret
    monkeypatch.setattr(passwords, "verify_secret", lambda *_: pytest.fail("Argon2 ran for an unknown key"))
    with pytest.raises(Unauthenticated):
        authenticate(change(secret))


def test_argon2_runs_once_for_a_key_in_use_and_the_row_is_read_each_time(monkeypatch):
    place = make_place()
    made = create(place)
    calls = []
    real = passwords.verify_secret

    def counted(hashed, secret):
        calls.append(hashed)
        return real(hashed, secret)

    monkeypatch.setattr(passwords, "verify_secret", counted)
    authenticate(made.secret), authenticate(made.secret)
    assert len(calls) == 1
    with tenant(place.id):
        actions.revoke_api_key(actor=place.actor(), key_id=made.key.id)
    with pytest.raises(Unauthenticated):
        authenticate(made.secret)


def test_an_expired_key_opens_nothing():
    place = make_place()
    made = create(place, expires_at=now() + timedelta(hours=1))
    assert authenticate(made.secret)
    with tenant(place.id):
        ApiKey.objects.update(expires_at=now())
    with pytest.raises(Unauthenticated):
        authenticate(made.secret)


def test_it_gives_no_scope_that_its_maker_does_not_have():
    place = make_place()
    developer = make_member(place, Role.DEVELOPER)
    with tenant(place.id), pytest.raises(ScopeNotYours):
        actions.create_api_key(
            actor=place.actor(Role.DEVELOPER, developer), name="up", scopes=frozenset({Permission.AUDIT_READ})
        )


def test_a_key_cannot_make_a_stronger_key():
    place = make_place()
    weak = authenticate(create(place, READ | {Permission.API_KEYS_CREATE}).secret)
    with tenant(place.id):
        with pytest.raises(ScopeNotYours):
            actions.create_api_key(actor=weak, name="up", scopes=frozenset({Permission.OBJECTS_WRITE}))
        assert authenticate(actions.create_api_key(actor=weak, name="same", scopes=READ).secret).permissions == READ


def test_it_loses_what_its_maker_loses():
    place = make_place()
    member = make_member(place, Role.ADMIN)
    secret = make_api_key(place, person=member, role=Role.ADMIN)
    with tenant(place.id):
        Membership.objects.filter(user=member).update(role=Role.ANALYST)
    assert Permission.OBJECTS_WRITE not in authenticate(secret).permissions
    assert Permission.OBJECTS_READ in authenticate(secret).permissions


@pytest.mark.parametrize(
    "scopes", [frozenset(), frozenset({Permission.OPERATOR_JOBS}), frozenset({Permission.ORGANIZATION_PROVISION})]
)
def test_it_refuses_no_scope_and_scopes_that_no_key_can_have(scopes):
    with pytest.raises(Invalid):
        create(make_place(), scopes)


def test_a_form_sent_twice_makes_one_key():
    place, key_id = make_place(), new_id()
    create(place, key_id=key_id)
    with pytest.raises(KeyAlreadyMade):
        create(place, key_id=key_id)


def test_making_and_revoking_leave_an_event_and_revoking_twice_is_refused():
    place = make_place()
    made = create(place, SCOPES & place.actor().permissions)
    with tenant(place.id):
        actions.revoke_api_key(actor=place.actor(), key_id=made.key.id)
        with pytest.raises(KeyAlreadyRevoked):
            actions.revoke_api_key(actor=place.actor(), key_id=made.key.id)
        tags = list(
            AuditEvent.objects.filter(target_id=str(made.key.id)).order_by("index").values_list("tag", flat=True)
        )
        assert made.secret not in str([event.detail for event in AuditEvent.objects.all()])
    assert tags == ["api_key:created", "api_key:revoked"]


def test_a_key_of_another_environment_or_organization_is_nothing():
    place, other = make_place(), make_place()
    foreign = create(other).key.id
    here = create(place).key.id
    with tenant(place.id):
        for actor, key_id in [
            (place.actor(), foreign),
            (place.actor(), uuid4()),
            (place.actor(environment_id=place.test_id), here),
        ]:
            with pytest.raises(NotFound):
                actions.revoke_api_key(actor=actor, key_id=key_id)


def test_a_developer_revokes_keys_of_their_own_only():
    place = make_place()
    developer = make_member(place, Role.DEVELOPER)
    actor = place.actor(Role.DEVELOPER, developer)
    with tenant(place.id):
        own = actions.create_api_key(actor=actor, name="own", scopes=READ).key.id
        others = actions.create_api_key(actor=place.actor(), name="others", scopes=READ).key.id
        with pytest.raises(KeyOfAnother):
            actions.revoke_api_key(actor=actor, key_id=others)
        actions.revoke_api_key(actor=actor, key_id=own)


def test_an_analyst_makes_no_keys():
    place = make_place()
    with tenant(place.id), pytest.raises(Denied):
        actions.create_api_key(actor=place.actor(Role.ANALYST), name="x", scopes=READ)


def test_somebody_who_was_removed_in_the_meantime_makes_none():
    place = make_place()
    member = make_member(place, Role.DEVELOPER)
    with tenant(place.id):
        actions.remove_member(actor=place.actor(), member_id=Membership.objects.get(user=member).id)
    with pytest.raises(Denied):
        make_api_key(place, person=member, role=Role.DEVELOPER)
    with tenant(place.id):
        assert not ApiKey.objects.filter(created_by=member).exists()
