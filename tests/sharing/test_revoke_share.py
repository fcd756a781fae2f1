"""share:revoked."""

from datetime import timedelta

import pytest

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, NotFound
from sharing import actions
from sharing.actions.links import ShareAlreadyEnded, ShareAlreadyRevoked
from sharing.models import State
from tests.factories import make_member, make_place
from tests.sharing.conftest import RECIPIENT, link_of, share


def revoke(place, made, actor=None):
    with tenant(place.id):
        actions.revoke_share(actor=actor or place.actor(), share_id=made.link.id)


def test_it_keeps_who_and_when_and_leaves_an_event(place):
    made = share(place)
    revoke(place, made)
    link = link_of(made)
    assert link.state is State.REVOKED
    assert link.revoked_by_id == place.owner.pk
    with tenant(place.id):
        assert link.revoked_by_label == "Olive Owner"
        event = AuditEvent.objects.get(tag="share:revoked", target_id=str(made.link.id))
        assert (event.detail["before"], event.detail["after"]) == ({"state": "waiting"}, {"state": "revoked"})


def test_it_can_be_done_while_the_link_is_in_use(place):
    made = share(place)
    actions.redeem_share(token=made.token, origin=RECIPIENT)
    revoke(place, made)
    assert link_of(made).state is State.REVOKED


def test_a_second_time_is_refused_and_leaves_no_event(place):
    made = share(place)
    revoke(place, made)
    with pytest.raises(ShareAlreadyRevoked):
        revoke(place, made)
    with tenant(place.id):
        assert AuditEvent.objects.filter(tag="share:revoked").count() == 1


def test_a_link_that_has_ended_has_nothing_to_revoke(place, earlier):
    earlier(timedelta(minutes=5))
    made = share(place, seconds=60)
    with pytest.raises(ShareAlreadyEnded):
        revoke(place, made)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.AUDITOR])
def test_roles_without_the_permission_cannot(place, role):
    made = share(place)
    with pytest.raises(Denied):
        revoke(place, made, place.actor(role, make_member(place, role)))


def test_another_organization_s_link_looks_like_none(place):
    made, other = share(place), make_place()
    with pytest.raises(NotFound), tenant(other.id):
        actions.revoke_share(actor=other.actor(), share_id=made.link.id)
    assert link_of(made).revoked_at is None


def test_another_environment_s_link_looks_like_none(place):
    made = share(place)
    with pytest.raises(NotFound):
        revoke(place, made, place.actor(environment_id=place.test_id))
