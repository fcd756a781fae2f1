"""create_group, rename_group, remove_group, put_in_group, take_out_of_group."""

from uuid import uuid4

import pytest

from audit.models import AuditEvent
from hq.authz.levels import Level
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, Invalid, NotFound
from tenants import actions, selectors
from tenants.actions.groups import GroupKeptHere, GroupNameTaken, GroupOfDirectory, NotMembers
from tenants.models import AclEntry, Group, GroupMember, Membership
from tests.factories import make_place
from tests.tenants.support import directory_of, member_of, tags_of

pytestmark = pytest.mark.django_db


def changes(actor, group, *members):
    """Every change of a group that there is, as calls."""
    ids = [member.id for member in members]
    return [
        lambda: actions.rename_group(actor=actor, group_id=group.id, name="x"),
        lambda: actions.put_in_group(actor=actor, group_id=group.id, membership_ids=ids),
        lambda: actions.take_out_of_group(actor=actor, group_id=group.id, membership_ids=ids),
        lambda: actions.remove_group(actor=actor, group_id=group.id),
    ]


@pytest.fixture
def directory(place):
    return directory_of(place)


def test_a_group_is_made_named_filled_emptied_and_removed_each_with_its_event(inside):
    actor = inside.actor()
    ann, ben = member_of(inside), member_of(inside)
    group = actions.create_group(actor=actor, name="  Auditors ")
    assert group.name == "Auditors"
    actions.rename_group(actor=actor, group_id=group.id, name="Reviewers")
    assert actions.put_in_group(actor=actor, group_id=group.id, membership_ids=[ann.id, ben.id]) == 2
    assert [place.membership_id for place in selectors.list_group_members(actor, group.id)] == [ann.id, ben.id]
    assert actions.take_out_of_group(actor=actor, group_id=group.id, membership_ids=[ann.id]) == 1
    actions.remove_group(actor=actor, group_id=group.id)
    assert tags_of(inside)[-5:] == [
        "group:created",
        "group:renamed",
        "group:member_added",
        "group:member_removed",
        "group:removed",
    ]
    event = AuditEvent.objects.filter(tag="group:member_added").get()
    assert event.detail["after"]["members"] == [{"id": str(one.id), "email": one.user.email} for one in (ann, ben)]
    assert not GroupMember.objects.exists()
    assert Membership.objects.filter(pk=ben.pk).exists()


def test_what_changes_nothing_leaves_no_event(inside):
    actor, ann = inside.actor(), member_of(inside)
    group = actions.create_group(actor=actor, name="Auditors")
    actions.put_in_group(actor=actor, group_id=group.id, membership_ids=[ann.id])
    before = tags_of(inside)
    assert actions.put_in_group(actor=actor, group_id=group.id, membership_ids=[ann.id]) == 0
    assert actions.take_out_of_group(actor=actor, group_id=group.id, membership_ids=[uuid4()]) == 0
    actions.rename_group(actor=actor, group_id=group.id, name="Auditors")
    assert actions.create_group(actor=actor, name="Again", group_id=group.id).name == "Auditors"
    assert tags_of(inside) == before


def test_a_name_is_taken_whatever_its_case(inside):
    actor = inside.actor()
    actions.create_group(actor=actor, name="Auditors")
    other = actions.create_group(actor=actor, name="Reviewers")
    with pytest.raises(GroupNameTaken):
        actions.create_group(actor=actor, name="AUDITORS")
    with pytest.raises(GroupNameTaken):
        actions.rename_group(actor=actor, group_id=other.id, name="auditors")


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\x00b", "a\u202eb", "two\nlines"])
def test_a_group_needs_a_name_that_can_be_read(inside, name):
    with pytest.raises(Invalid):
        actions.create_group(actor=inside.actor(), name=name)


def test_only_the_directory_changes_its_groups_and_no_others(inside, directory):
    ours = actions.create_group(actor=inside.actor(), name="Ours")
    theirs = actions.create_group(actor=directory, name="Theirs", source=Group.Source.DIRECTORY)
    ann = member_of(inside)
    for actor, group, refusal in (
        (inside.actor(), theirs, GroupOfDirectory),
        (directory, ours, GroupKeptHere),
    ):
        for change in changes(actor, group, ann):
            with pytest.raises(refusal):
                change()
    with pytest.raises(GroupOfDirectory):
        actions.create_group(actor=inside.actor(), name="x", source=Group.Source.DIRECTORY)
    with pytest.raises(GroupKeptHere):
        actions.create_group(actor=directory, name="x")
    assert actions.put_in_group(actor=directory, group_id=theirs.id, membership_ids=[ann.id]) == 1


def test_members_of_another_organization_look_like_nobody_and_nobody_is_added(inside):
    elsewhere = make_place()
    foreign = member_of(elsewhere)
    ann = member_of(inside)
    group = actions.create_group(actor=inside.actor(), name="Auditors")
    said = []
    for unknown in (foreign.id, uuid4()):
        with pytest.raises(NotMembers) as refused:
            actions.put_in_group(actor=inside.actor(), group_id=group.id, membership_ids=[ann.id, unknown])
        said.append((str(refused.value), refused.value.errors))
    assert said[0] == said[1]
    assert not GroupMember.objects.exists()


def test_a_group_of_another_organization_looks_like_nothing(inside):
    elsewhere = make_place()
    with tenant(elsewhere.id):
        foreign = actions.create_group(actor=elsewhere.actor(), name="Theirs")
    actor = inside.actor()
    for change in [*changes(actor, foreign), lambda: selectors.list_group_members(actor, foreign.id)]:
        with pytest.raises(NotFound):
            change()


def test_a_group_that_goes_takes_its_rules_along_in_both_environments(inside):
    actor = inside.actor()
    group = actions.create_group(actor=actor, name="Auditors")
    for where in (actor, actor.at(inside.test_id)):
        actions.give_access(actor=where, prefix="a/", level=Level.READ, group_id=group.id)
    actions.remove_group(actor=actor, group_id=group.id)
    assert not AclEntry.objects.exists()
    removed = AuditEvent.objects.filter(tag="group:removed").get()
    assert removed.detail["before"] == {"name": "Auditors", "members": 0, "rules": 2}


@pytest.mark.parametrize("role", [Role.ANALYST, Role.AUDITOR, Role.DEVELOPER])
def test_roles_that_may_not_change_access_change_no_group(inside, role):
    group = actions.create_group(actor=inside.actor(), name="Auditors")
    actor = inside.actor(role)
    for change in [*changes(actor, group), lambda: actions.create_group(actor=actor, name="x")]:
        with pytest.raises(Denied):
            change()
