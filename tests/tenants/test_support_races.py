"""Two people decide in the same moment, or one ends what another begins: one of them comes second."""

import pytest

from audit.verify import walk
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from tenants import actions
from tests.factories import make_member
from tests.operators import make_operator
from tests.tenants.support import at_once
from tests.tenants.support_access import approve, ask, at_the_desk, both_trails, state

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 4


def decision(place, decide, person, request):
    def act():
        with tenant(place.id):
            decide(actor=place.actor(Role.ADMIN, person), request_id=request.id)

    return act


def beginning(operator, request):
    def act():
        actions.start_support(actor=at_the_desk(operator), request_id=request.id)

    return act


@pytest.mark.parametrize("second", [actions.approve_support, actions.refuse_support])
def test_of_two_decisions_one_counts(place, second):
    people = [make_member(place, Role.ADMIN) for _ in range(2)]
    for _ in range(ROUNDS):
        request = ask(place, make_operator())
        ended = at_once(
            decision(place, actions.approve_support, people[0], request),
            decision(place, second, people[1], request),
        )
        assert sorted(ended) == ["AlreadyAnswered", "done"]
        first = actions.approve_support if ended[0] == "done" else second
        assert state(place, request.id) == ("approved" if first is actions.approve_support else "refused")
    mine, theirs = both_trails(place)
    assert len(mine) == len(theirs) == 2 * ROUNDS


def test_what_ends_while_it_begins_is_over_either_way(place):
    for _ in range(ROUNDS):
        operator = make_operator()
        request = approve(place, ask(place, operator))
        ended = at_once(
            beginning(operator, request),
            decision(place, actions.end_support, place.owner, request),
        )
        assert ended in (["done", "done"], ["NotApproved", "done"])
        assert state(place, request.id) in {"ended", "withdrawn"}
    for organization_id, environment_id in ((place.id, place.live_id), (PLATFORM_ID, PLATFORM_ID)):
        with tenant(organization_id):
            assert walk(organization_id, environment_id).ok
