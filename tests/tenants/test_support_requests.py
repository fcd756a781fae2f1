"""Asking to be let in, deciding, beginning and ending; each step in the trails of both sides (ACC-11)."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, connection

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, NotFound
from tenants import actions, selectors
from tenants.actions.support import (
    AlreadyAnswered,
    AlreadyAsked,
    AlreadyOver,
    MemberIsGone,
    NobodyToSupport,
    NotApproved,
    OwnRequest,
    TheyDecide,
)
from tenants.models import AccessRequest, Membership, Organization
from tests.factories import Place, make_member, make_place
from tests.operators import make_operator
from tests.tenants.support_access import REASON, approve, ask, at_the_desk, both_trails, change, state

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def opal():
    return make_operator(name="Opal")


def by_operators(place: Place) -> None:
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(support_by="operators")


def test_every_step_stands_in_both_trails(place, opal):
    request = approve(place, ask(place, opal))
    actions.start_support(actor=at_the_desk(opal), request_id=request.id)
    actions.end_support(actor=at_the_desk(opal), request_id=request.id)
    owner = place.owner.label
    steps = [
        ("support:requested", "Opal"),
        ("support:approved", owner),
        ("support:started", "Opal"),
        ("support:ended", "Opal"),
    ]
    assert both_trails(place) == (steps, steps)
    with tenant(PLATFORM_ID):
        asked, *_, ended = AuditEvent.objects.filter(target_id=str(request.id)).order_by("index")
        assert asked.detail["after"]["organization"] == str(place.id)
        assert asked.detail["reason"] == REASON
        assert asked.actor_kind == "operator"
        assert ended.detail["after"]["ended_by"] == "the operator"


def test_the_organizations_deciders_are_told_by_mail(place, opal, django_capture_on_commit_callbacks):
    make_member(place, Role.DEVELOPER, "dev@example.com")
    make_member(place, Role.ADMIN, "admin@example.com")
    with django_capture_on_commit_callbacks(execute=True):
        request = ask(place, opal, writes=True)
    assert {tuple(letter.to) for letter in mail.outbox} == {("admin@example.com",), (place.owner.email,)}
    for words in ("Opal", REASON, "60 minutes", "change files", f"/o/{place.slug}/live/support/"):
        assert words in mail.outbox[0].body
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        approve(place, request)
    [letter] = mail.outbox
    assert letter.to == [opal.email]
    assert f"/operator/access/{request.id}" in letter.body


def test_where_operators_decide_the_others_are_told(place, opal, django_capture_on_commit_callbacks):
    by_operators(place)
    other = make_operator()
    with django_capture_on_commit_callbacks(execute=True):
        ask(place, opal)
    assert [letter.to for letter in mail.outbox] == [[other.email]]


@pytest.mark.parametrize(("minutes", "reason"), [(14, REASON), (481, REASON), (60, "  ")])
def test_it_is_short_and_says_why(place, opal, minutes, reason):
    with pytest.raises(Invalid):
        ask(place, opal, minutes=minutes, reason=reason)


def test_nobody_is_asked_twice_at_once(place, opal):
    request = ask(place, opal)
    with pytest.raises(AlreadyAsked):
        ask(place, opal)
    ask(place, make_operator())
    actions.end_support(actor=at_the_desk(opal), request_id=request.id)
    assert state(place, request.id) == "withdrawn"
    ask(place, opal)


def test_nobody_decides_on_their_own_request(place, opal):
    by_operators(place)
    with tenant(place.id):
        Membership.objects.create(organization_id=place.id, user=opal, role=Role.OWNER)
    request = ask(place, opal)
    for actor in (at_the_desk(opal), place.actor(person=opal)):
        with pytest.raises(OwnRequest), tenant(place.id):
            actions.approve_support(actor=actor, request_id=request.id)
    with pytest.raises(IntegrityError, match="tenants_access_decided_by_another"), tenant(place.id):
        AccessRequest.objects.filter(pk=request.id).update(approved=True, decided_at=now(), decided_by_id=opal.pk)


def test_an_operator_decides_only_where_the_policy_says_so(place, opal):
    other = at_the_desk(make_operator())
    request = ask(place, opal)
    with pytest.raises(TheyDecide):
        actions.approve_support(actor=other, request_id=request.id)
    by_operators(place)
    assert actions.approve_support(actor=other, request_id=request.id).state == "approved"


@pytest.mark.parametrize("role", [Role.ANALYST, Role.AUDITOR, Role.DEVELOPER])
def test_only_owners_and_admins_of_the_organization_decide(place, opal, role):
    request = ask(place, opal)
    for decide in (actions.approve_support, actions.refuse_support, actions.end_support):
        with pytest.raises(Denied), tenant(place.id):
            decide(actor=place.actor(role), request_id=request.id)
    assert state(place, request.id) == "waiting"


def test_another_organizations_request_is_not_there(place, opal):
    request, elsewhere = ask(place, opal), make_place()
    for decide in (actions.approve_support, actions.refuse_support, actions.end_support):
        with pytest.raises(NotFound), tenant(elsewhere.id):
            decide(actor=elsewhere.actor(), request_id=request.id)


def test_who_is_no_operator_neither_asks_nor_begins(place, opal):
    request = ask(place, opal)
    for act in (
        lambda actor: actions.request_support(actor=actor, organization_id=place.id, reason=REASON, minutes=60),
        lambda actor: actions.start_support(actor=actor, request_id=request.id),
    ):
        with pytest.raises(Denied):
            act(place.actor())


def test_a_refusal_is_the_end(place, opal):
    request = ask(place, opal)
    with tenant(place.id):
        actions.refuse_support(actor=place.actor(), request_id=request.id)
        with pytest.raises(AlreadyAnswered):
            actions.approve_support(actor=place.actor(), request_id=request.id)
    with pytest.raises(NotApproved):
        actions.start_support(actor=at_the_desk(opal), request_id=request.id)
    assert state(place, request.id) == "refused"


def test_nobody_begins_what_another_was_let_in_for(place, opal):
    request = approve(place, ask(place, opal))
    with pytest.raises(NotFound):
        actions.start_support(actor=at_the_desk(make_operator()), request_id=request.id)


def test_it_begins_once(place, opal):
    request = approve(place, ask(place, opal, minutes=15))
    begun = actions.start_support(actor=at_the_desk(opal), request_id=request.id)
    assert timedelta(minutes=14) < begun.ends_at - now() <= timedelta(minutes=15)
    with pytest.raises(NotApproved):
        actions.start_support(actor=at_the_desk(opal), request_id=request.id)


def test_what_nobody_answers_lapses_after_a_day_and_an_old_yes_too(place, opal):
    request = ask(place, opal)
    assert request.answer_before - request.requested_at == timedelta(hours=24)
    change(place, request.id, answer_before=now() - timedelta(seconds=1))
    with pytest.raises(AlreadyAnswered):
        approve(place, request)
    agreed = approve(place, ask(place, opal))
    change(place, agreed.id, answer_before=now() - timedelta(seconds=1))
    with pytest.raises(NotApproved):
        actions.start_support(actor=at_the_desk(opal), request_id=agreed.id)
    actions.settle_overdue_support()
    assert {state(place, request.id), state(place, agreed.id)} == {"lapsed"}
    actions.settle_overdue_support()
    mine, theirs = both_trails(place)
    assert mine.count(("support:lapsed", "HQ")) == theirs.count(("support:lapsed", "HQ")) == 2


def test_what_ended_by_its_time_is_put_down_as_of_then(place, opal):
    request = approve(place, ask(place, opal))
    actions.start_support(actor=at_the_desk(opal), request_id=request.id)
    over = now() - timedelta(minutes=3)
    change(place, request.id, started_at=over - timedelta(hours=1), ends_at=over)
    assert selectors.find_support(opal.pk, request.id) is None
    actions.settle_overdue_support()
    with tenant(place.id):
        assert AccessRequest.objects.get(pk=request.id).ended_at == over
    assert [told[-1] for told in both_trails(place)] == [("support:ended", "HQ")] * 2


def test_the_organization_ends_it_at_any_time(place, opal):
    request = approve(place, ask(place, opal))
    actions.start_support(actor=at_the_desk(opal), request_id=request.id)
    assert selectors.find_support(opal.pk, request.id) is not None
    with tenant(place.id):
        actions.end_support(actor=place.actor(Role.ADMIN), request_id=request.id)
    assert selectors.find_support(opal.pk, request.id) is None
    for actor in (at_the_desk(opal), place.actor()):
        with pytest.raises(AlreadyOver), tenant(place.id):
            actions.end_support(actor=actor, request_id=request.id)


def test_an_operator_ends_nobody_elses(place, opal):
    request = ask(place, opal)
    with pytest.raises(NotFound):
        actions.end_support(actor=at_the_desk(make_operator()), request_id=request.id)


def test_asking_does_not_tell_who_is_a_member(place, opal):
    make_member(place, Role.ANALYST, "ana@example.com")
    seen = []
    for email in ("ana@example.com", "nobody@example.com"):
        request = ask(place, opal, email=email)
        line = selectors.get_access(at_the_desk(opal), request.id)
        seen.append((line.as_member, line.state))
        actions.end_support(actor=at_the_desk(opal), request_id=request.id)
    assert seen[0] == seen[1]


def test_who_is_no_member_is_no_view(place, opal):
    request = approve(place, ask(place, opal, email="nobody@example.com"))
    with pytest.raises(MemberIsGone):
        actions.start_support(actor=at_the_desk(opal), request_id=request.id)
    with tenant(place.id):
        assert selectors.name_subjects(place.actor(), selectors.list_requests(place.actor())) == {}


def test_a_view_ends_with_the_membership(place, opal):
    ana = make_member(place, Role.ANALYST, "ana@example.com")
    request = approve(place, ask(place, opal, email="ana@example.com"))
    assert actions.start_support(actor=at_the_desk(opal), request_id=request.id).role == "analyst"
    with tenant(place.id):
        actions.remove_member(actor=place.actor(), member_id=Membership.objects.get(user=ana).id)
    assert selectors.find_support(opal.pk, request.id) is None


@pytest.mark.parametrize("shut", ["PROVISIONING", "CLOSED"])
def test_where_nobody_is_nobody_is_asked(place, opal, shut):
    other = make_operator()
    request = approve(place, ask(place, other))
    with tenant(place.id):
        Organization.objects.filter(pk=place.id).update(state=shut)
    with pytest.raises(NobodyToSupport):
        ask(place, opal)
    with pytest.raises(NobodyToSupport):
        actions.start_support(actor=at_the_desk(other), request_id=request.id)


def test_the_reason_and_the_names_stand_sealed(place, opal):
    ask(place, opal)
    with tenant(place.id), connection.cursor() as cursor:
        cursor.execute("SELECT reason, operator_label FROM tenants_accessrequest")
        [row] = cursor.fetchall()
    assert REASON.encode() not in bytes(row[0])
    assert b"Opal" not in bytes(row[1])
