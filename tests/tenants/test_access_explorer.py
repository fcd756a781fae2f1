"""explain and who_reaches: the gate's own decision, with every rule that led to it."""

import random
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hq.authz import gate
from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.lib.errors import Denied, NotFound
from tenants import actions, selectors
from tenants.models import AclEntry, User
from tenants.selectors.explain import ACTS, Reacher
from tests.factories import make_api_key, make_place
from tests.tenants.support import member_of, only_rules, session_of

pytestmark = pytest.mark.django_db


def give(place, prefix, level, **named):
    return actions.give_access(actor=place.actor(), prefix=prefix, level=level, **named)


def group_with(place, *members, name="Reviewers"):
    group = actions.create_group(actor=place.actor(), name=name)
    actions.put_in_group(actor=place.actor(), group_id=group.id, membership_ids=[one.id for one in members])
    return group


def told(explanation):
    return {decision.act: decision for decision in explanation.decisions}


def explain(place, member, path):
    return told(selectors.explain(place.actor(), principal=member.id, path=path))


def test_it_names_the_role_each_rule_and_the_group_that_led_to_it(inside):
    ann = member_of(inside, Role.ANALYST)
    group = group_with(inside, ann)
    own = give(inside, "a/", Level.READ, membership_id=ann.id)
    theirs = give(inside, "a/b/", Level.WRITE, group_id=group.id)
    give(inside, "c/", Level.ADMIN, membership_id=ann.id)
    decisions = explain(inside, ann, "a/b/file")
    assert {act: decision.allowed for act, decision in decisions.items()} == {
        "read": True,
        "write": True,
        "delete": True,
        "share": False,
    }
    read = [(way.role, way.entry and way.entry.id, way.counts) for way in decisions["read"].ways]
    assert read == [(Role.ANALYST, None, True), (None, own.id, True), (None, theirs.id, True)]
    write = [(way.role, way.entry and way.entry.id, way.counts) for way in decisions["write"].ways]
    assert write == [(None, own.id, False), (None, theirs.id, True)]
    assert decisions["write"].ways[1].entry.group.name == "Reviewers"
    assert (decisions["share"].missing, decisions["share"].level) == ((Permission.SHARES_CREATE,), Level.ADMIN)


def test_where_only_rules_open_files_it_says_that_the_role_does_not_count(inside):
    ann = member_of(inside, Role.DEVELOPER)
    only_rules(inside)
    read = explain(inside, ann, "a/b")["read"]
    assert not read.allowed
    assert [(way.role, way.counts) for way in read.ways] == [(Role.DEVELOPER, False)]
    assert read.level is Level.READ
    share = explain(inside, ann, "a/b")["share"]
    assert share.missing == (Permission.OBJECTS_READ,)


def test_an_account_that_is_switched_off_reaches_nothing(inside):
    ann = member_of(inside, Role.DEVELOPER)
    give(inside, "", Level.ADMIN, membership_id=ann.id)
    User.objects.filter(pk=ann.user_id).update(is_active=False)
    found = selectors.explain(inside.actor(), principal=ann.id, path="a")
    assert not found.active
    assert not any(decision.allowed for decision in found.decisions)
    assert not any(way.counts for decision in found.decisions for way in decision.ways)
    assert ann.id not in [one.principal.id for one in selectors.who_reaches(inside.actor(), "a")]


def test_it_explains_a_service_account_until_it_ends(inside):
    account = actions.create_service_account(actor=inside.actor(), name="nightly")
    give(inside, "a/", Level.WRITE, service_account_id=account.id)
    decisions = told(selectors.explain(inside.actor(), principal=account.id, path="a/b"))
    assert decisions["delete"].allowed
    assert not told(selectors.explain(inside.actor(), principal=account.id, path="b"))["delete"].allowed
    actions.end_service_account(actor=inside.actor(), account_id=account.id)
    with pytest.raises(NotFound):
        selectors.explain(inside.actor(), principal=account.id, path="a/b")


def test_it_is_for_those_who_may_read_access_and_of_their_organization(inside):
    elsewhere = make_place()
    foreign, ann = member_of(elsewhere), member_of(inside, Role.ANALYST)
    give(inside, "a/", Level.ADMIN, membership_id=ann.id)
    for unknown in (foreign.id, uuid4()):
        with pytest.raises(NotFound):
            selectors.explain(inside.actor(), principal=unknown, path="a")
    they = session_of(inside, ann.user)
    with pytest.raises(Denied):
        selectors.explain(they, principal=ann.id, path="a/b")
    with pytest.raises(Denied):
        selectors.who_reaches(they, "a/b")


def everybody(place, path):
    found: dict[UUID, Reacher] = {}
    after = None
    while rows := selectors.who_reaches(place.actor(), path, after=after, limit=3)[:3]:
        found |= {one.principal.id: one for one in rows}
        after = rows[-1].principal.id
    return found


def test_all_that_it_shows_is_what_the_gate_says_of_each_session(inside):
    """Many rules at random: the list of one path, each explanation and the gate agree about everybody."""
    chance = random.Random(4)
    roles = [role for role in Role if role is not Role.SERVICE_ACCOUNT]
    people = [member_of(inside, role) for role in roles for _ in range(2)]
    groups = [group_with(inside, *chance.sample(people, 3), name=f"g{number}") for number in range(4)]
    prefixes = ["", "a/", "a/b/", "a/bc/", "b/"]
    for _ in range(25):
        named = chance.choice([{"membership_id": chance.choice(people).id}, {"group_id": chance.choice(groups).id}])
        give(inside, chance.choice(prefixes[1:]), chance.choice(list(Level)), **named)
    seen = set()
    for by_rules in (False, True):
        if by_rules:
            only_rules(inside)
        for path in ("x", "a/x", "a/b/x", "a/b/", "a/bc", "b/x", ""):
            reached = everybody(inside, path)
            for member in people:
                session = session_of(inside, member.user)
                acts = [
                    act for act, takes in ACTS.items() if all(gate.allows(session, each, path=path) for each in takes)
                ]
                explained = explain(inside, member, path)
                assert [act for act, decision in explained.items() if decision.allowed] == acts
                for decision in explained.values():
                    assert decision.allowed == all(
                        any(way.counts for way in decision.ways if way.permission is each)
                        for each in ACTS[decision.act]
                    )
                assert (list(reached[member.id].acts) if member.id in reached else []) == acts
                seen.add((by_rules, tuple(acts)))
    assert len(seen) > 5


def test_it_counts_the_keys_that_work_now_and_touch_files(inside):
    ann = member_of(inside, Role.DEVELOPER)
    account = actions.create_service_account(actor=inside.actor(), name="nightly")
    read, audit = frozenset({Permission.OBJECTS_READ}), frozenset({Permission.API_KEYS_READ})
    make_api_key(inside, read, person=ann.user, role=Role.DEVELOPER)
    make_api_key(inside, read, environment_id=inside.test_id, person=ann.user, role=Role.DEVELOPER)
    make_api_key(inside, audit, person=ann.user, role=Role.DEVELOPER)
    actions.create_api_key(actor=inside.actor(), name="k", scopes=read, service_account_id=account.id)
    ended = actions.create_api_key(actor=inside.actor(), name="old", scopes=read, service_account_id=account.id)
    actions.revoke_api_key(actor=inside.actor(), key_id=ended.key.id)
    reached = everybody(inside, "a/b")
    assert (reached[ann.id].keys, reached[account.id].keys) == (1, 1)
    assert reached[account.id].principal.kind == "service_account"


def test_it_asks_no_more_for_many_than_for_few(inside):
    def asked(count):
        for _ in range(count):
            ann = member_of(inside, Role.AUDITOR)
            give(inside, "a/", Level.READ, membership_id=ann.id)
            group_with(inside, ann, name=str(uuid4()))
        with CaptureQueriesContext(connection) as captured:
            selectors.who_reaches(inside.actor(), "a/b")
        return len(captured)

    assert asked(2) == asked(10)
    assert AclEntry.objects.count() == 12
