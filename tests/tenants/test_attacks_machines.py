"""Attacks on API keys (ACC-3): staying for longer than a key does, leaving no trace or too many, mails to who left."""

import pytest
from django.core import mail
from django.test import Client

from audit.models import AccessEntry, AuditEvent
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.env import Rate
from tenants import actions
from tenants.models import ApiKey, Membership
from tests.factories import ORIGIN, make_member, make_place, run_jobs

pytestmark = pytest.mark.django_db
READ = frozenset({Permission.OBJECTS_READ})
MAKING = READ | {Permission.API_KEYS_CREATE, Permission.API_KEYS_REVOKE}


def create(place, scopes=READ, actor=None, **more):
    with tenant(place.id):
        return actions.create_api_key(actor=actor or place.actor(), name="backup", scopes=scopes, **more)


def rotate(place, made, actor=None, **more):
    with tenant(place.id):
        return actions.rotate_api_key(actor=actor or place.actor(), key_id=made.key.id, **more)


def by(made):
    return actions.authenticate_api_key(secret=made.secret, origin=ORIGIN)


def end_of(place, made):
    with tenant(place.id):
        return ApiKey.objects.get(pk=made.key.pk).expires_at


def test_a_key_in_its_grace_gets_nothing_by_rotating_another_that_outlives_it():
    place = make_place()
    leaked, other = create(place, MAKING), create(place)
    rotate(place, leaked, grace_hours=1)
    taken = rotate(place, other, actor=by(leaked))
    assert taken.key.expires_at == end_of(place, leaked)


def test_what_a_key_in_its_grace_made_does_not_outlive_it_by_rotating_itself():
    place = make_place()
    leaked = create(place, MAKING)
    before = create(place, MAKING, actor=by(leaked))
    rotate(place, leaked, grace_hours=1)
    end = end_of(place, leaked)
    made = create(place, MAKING, actor=by(leaked), expires_at=end)
    assert rotate(place, made, actor=by(made)).key.expires_at <= end
    taken = rotate(place, before, actor=by(leaked))
    assert rotate(place, taken, actor=by(taken)).key.expires_at <= end


def test_what_a_key_made_before_it_was_rotated_goes_on_with_its_successor():
    place = make_place()
    maker = create(place, MAKING)
    made = create(place, MAKING, actor=by(maker))
    rotate(place, maker, grace_hours=1)
    again = rotate(place, made, actor=by(made))
    assert (again.key.expires_at, again.key.made_by_key_id) == (None, maker.key.id)


def test_the_trail_names_the_keys_that_end_with_a_member():
    place = make_place()
    member = make_member(place, Role.DEVELOPER)
    create(place, actor=place.actor(Role.DEVELOPER, member))
    with tenant(place.id):
        actions.remove_member(actor=place.actor(), member_id=Membership.objects.get(user=member).id)
        assert AuditEvent.objects.get(tag="member:removed").detail["before"]["keys"] == ["backup"]


def test_a_leaked_key_floods_no_log_from_where_it_is_not_accepted(settings):
    settings.LIMIT_UNKNOWN = Rate(3, 3600)
    place = make_place()
    bound, valid = create(place, networks=["203.0.113.0/24"]), create(place)
    thief = Client(REMOTE_ADDR="2001:db8:a11:bad::1")

    def ask(made):
        return thief.get("/v1/me", headers={"authorization": f"Bearer {made.secret}"}).status_code

    assert [ask(bound) for _ in range(6)] == [403, 403, 403, 429, 429, 429]
    with tenant(place.id):
        assert list(AccessEntry.objects.order_by("id").values_list("status", flat=True)) == [403, 403, 403, 429]
    assert ask(valid) == 200


def test_nobody_is_mailed_of_a_key_once_they_have_left():
    place = make_place()
    admin = make_member(place, Role.ADMIN)
    with tenant(place.id):
        account = actions.create_service_account(actor=place.actor(), name="machine")
    made = create(place, service_account_id=account.id)
    for ip in ("192.0.2.10", "198.51.100.10"):
        Client(REMOTE_ADDR=ip).get("/v1/me", headers={"authorization": f"Bearer {made.secret}"})
    with tenant(place.id):
        Membership.objects.filter(user=admin).delete()
    mail.outbox.clear()
    run_jobs()
    assert admin.email not in [to for each in mail.outbox for to in each.to]
    assert mail.outbox
