"""give_access, withdraw_access, and the lists of rules (ACC-2)."""

from uuid import uuid4

import pytest

from audit.models import AuditEvent
from hq.authz import gate
from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, Invalid, NotFound
from tenants import actions, selectors
from tenants.actions.access import NamesOne
from tenants.models import AclEntry
from tests.factories import make_place
from tests.tenants.support import member_of, only_rules, session_of, tags_of

pytestmark = pytest.mark.django_db


def give(place, prefix, level, member, **more):
    return actions.give_access(
        actor=more.pop("actor", place.actor()), prefix=prefix, level=level, membership_id=member.id, **more
    )


def prefixes(entries):
    return [entry.prefix for entry in entries]


def test_a_rule_is_given_changed_and_withdrawn_each_with_its_event(inside):
    ann = member_of(inside, Role.AUDITOR)
    they = session_of(inside, ann.user)
    entry = give(inside, "reports/", Level.READ, ann)
    assert gate.allows(they, Permission.OBJECTS_READ, path="reports/q3")
    assert give(inside, "reports/", Level.WRITE, ann).id == entry.id
    assert gate.allows(they, Permission.OBJECTS_WRITE, path="reports/q3")
    give(inside, "reports/", Level.WRITE, ann)
    actions.withdraw_access(actor=inside.actor(), entry_id=entry.id)
    assert not gate.allows(they, Permission.OBJECTS_READ, path="reports/q3")
    assert tags_of(inside)[-3:] == ["access:given", "access:changed", "access:withdrawn"]
    changed = AuditEvent.objects.get(tag="access:changed")
    assert (changed.detail["before"]["level"], changed.detail["after"]["level"]) == ("read", "write")
    assert changed.detail["after"]["member"] == str(ann.id)


def test_a_rule_counts_in_its_own_environment_and_its_event_stands_there(inside):
    ann = member_of(inside, Role.AUDITOR)
    give(inside, "", Level.READ, ann, actor=inside.actor().at(inside.test_id))
    assert not gate.allows(session_of(inside, ann.user), Permission.OBJECTS_READ, path="a")
    assert gate.allows(session_of(inside, ann.user, "test"), Permission.OBJECTS_READ, path="a")
    assert AuditEvent.objects.get(tag="access:given").environment_id == inside.test_id


@pytest.mark.parametrize("prefix", ["reports", "/", "a//", "../", "a/../b/", "a\x00/", "x" * 1100 + "/", "a/%2e%2e/"])
def test_a_rule_stands_on_a_folder_only(inside, prefix):
    with pytest.raises(Invalid):
        give(inside, prefix, Level.READ, member_of(inside))
    assert not AclEntry.objects.exists()


def test_a_rule_names_exactly_one(inside):
    ann = member_of(inside)
    group = actions.create_group(actor=inside.actor(), name="g")
    for named in ({}, {"membership_id": ann.id, "group_id": group.id}):
        with pytest.raises(NamesOne):
            actions.give_access(actor=inside.actor(), prefix="a/", level=Level.READ, **named)


def test_whoever_holds_admin_on_a_folder_gives_access_there_and_nowhere_else(inside):
    ann, ben = member_of(inside, Role.ANALYST), member_of(inside, Role.AUDITOR)
    give(inside, "team/", Level.ADMIN, ann)
    above, beside = give(inside, "", Level.READ, ben), give(inside, "teams/", Level.READ, ben)
    they = session_of(inside, ann.user)
    below = give(inside, "team/x/", Level.WRITE, ben, actor=they)
    for prefix in ("", "teams/", "te/"):
        with pytest.raises(Denied):
            give(inside, prefix, Level.READ, ben, actor=they)
    assert prefixes(selectors.list_entries(they)) == ["team/", "team/x/"]
    assert prefixes(selectors.list_entries(they, who=ben.id)) == ["team/x/"]
    assert prefixes(selectors.list_entries(they, path="team/x/y")) == ["team/", "team/x/"]
    assert prefixes(selectors.list_entries(they, path="teams/")) == []
    for hidden in (above, beside):
        with pytest.raises(NotFound):
            actions.withdraw_access(actor=they, entry_id=hidden.id)
    actions.withdraw_access(actor=they, entry_id=below.id)
    assert AclEntry.objects.filter(pk__in=[above.id, beside.id]).count() == 2


@pytest.mark.parametrize("level", [Level.READ, Level.WRITE])
def test_a_level_below_admin_gives_nothing_on(inside, level):
    ann, ben = member_of(inside, Role.ANALYST), member_of(inside)
    entry = give(inside, "team/", level, ann)
    they = session_of(inside, ann.user)
    with pytest.raises(Denied):
        give(inside, "team/", Level.READ, ben, actor=they)
    with pytest.raises(Denied):
        actions.withdraw_access(actor=they, entry_id=entry.id)
    with pytest.raises(Denied):
        selectors.list_entries(they)
    with pytest.raises(Denied):
        selectors.list_principals(they)


def test_an_auditor_sees_every_rule_and_changes_none(inside):
    entry = give(inside, "a/", Level.READ, member_of(inside))
    auditor = session_of(inside, member_of(inside, Role.AUDITOR).user)
    assert prefixes(selectors.list_entries(auditor)) == ["a/"]
    with pytest.raises(Denied):
        actions.withdraw_access(actor=auditor, entry_id=entry.id)


def test_principals_and_rules_of_another_organization_look_like_nothing(inside):
    elsewhere = make_place()
    foreign = member_of(elsewhere)
    with tenant(elsewhere.id):
        group = actions.create_group(actor=elsewhere.actor(), name="g")
        account = actions.create_service_account(actor=elsewhere.actor(), name="s")
        entry = give(elsewhere, "a/", Level.READ, foreign)
    said = set()
    for kind, ids in (
        ("membership_id", (foreign.id, uuid4())),
        ("group_id", (group.id, uuid4())),
        ("service_account_id", (account.id, uuid4())),
    ):
        for unknown in ids:
            with pytest.raises(NotFound) as refused:
                actions.give_access(actor=inside.actor(), prefix="a/", level=Level.READ, **{kind: unknown})
            said.add(str(refused.value))
    with pytest.raises(NotFound):
        actions.withdraw_access(actor=inside.actor(), entry_id=entry.id)
    for unknown in (foreign.id, group.id, account.id):
        with pytest.raises(NotFound):
            selectors.find_principal(inside.actor(), unknown)
    assert len(said) == 1
    assert list(selectors.list_entries(inside.actor(), who=foreign.id)) == []


def test_rules_are_paged_by_prefix_without_loss(inside):
    people = [member_of(inside) for _ in range(3)]
    for prefix in ("", "B/", "a/", "a/b/"):
        for member in people:
            give(inside, prefix, Level.READ, member)
    found: list[AclEntry] = []
    after = None
    while rows := selectors.list_entries(inside.actor(), after=after, limit=2)[:2]:
        found += rows
        after = (rows[-1].prefix, rows[-1].id)
    assert prefixes(found) == [""] * 3 + ["B/"] * 3 + ["a/"] * 3 + ["a/b/"] * 3
    assert len({entry.id for entry in found}) == 12


def test_a_person_who_leaves_takes_their_rules_along(inside):
    ann = member_of(inside)
    give(inside, "a/", Level.READ, ann)
    assert selectors.what_leaves(inside.actor(), ann).rules == 1
    actions.remove_member(actor=inside.actor(), member_id=ann.id)
    assert not AclEntry.objects.exists()


def test_where_only_rules_open_files_a_role_opens_none(inside):
    ann = member_of(inside, Role.DEVELOPER)
    assert gate.allows(session_of(inside, ann.user), Permission.OBJECTS_READ, path="a/b")
    only_rules(inside)
    assert not gate.allows(session_of(inside, ann.user), Permission.OBJECTS_READ, path="a/b")
    give(inside, "a/", Level.READ, ann)
    assert gate.allows(session_of(inside, ann.user), Permission.OBJECTS_READ, path="a/b")
