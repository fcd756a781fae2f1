"""The gate, the roles and the vocabulary (ACC-1)."""

from dataclasses import replace
from uuid import uuid4

import pytest

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import AUTH_METHODS, SCOPES, AuthMethod, Permission
from hq.authz.roles import GRANTS, Role, may_assign
from hq.lib.errors import Denied, NotFound

ACTOR = Actor(
    organization_id=uuid4(),
    kind="person",
    id=uuid4(),
    label="",
    method=AuthMethod.SESSION,
    permissions=frozenset({Permission.OBJECTS_READ}),
)


def test_it_lets_through_what_is_granted():
    gate.require(ACTOR, Permission.OBJECTS_READ)


def test_it_refuses_what_is_not_granted():
    with pytest.raises(Denied):
        gate.require(ACTOR, Permission.OBJECTS_WRITE)


def test_a_permission_without_a_line_is_for_sessions_only():
    operator = replace(ACTOR, permissions=frozenset({Permission.OPERATOR_JOBS}))
    assert Permission.OPERATOR_JOBS not in AUTH_METHODS
    gate.require(operator, Permission.OPERATOR_JOBS)
    with pytest.raises(Denied):
        gate.require(replace(operator, method=AuthMethod.API_KEY), Permission.OPERATOR_JOBS)


def test_a_link_reaches_its_paths_and_nothing_else():
    link = replace(ACTOR, method=AuthMethod.LINK, pinned=frozenset({"a/b"}))
    gate.require(link, Permission.OBJECTS_READ, path="a/b")
    for path in ("a/c", "a", "", None):
        with pytest.raises(NotFound):
            gate.require(link, Permission.OBJECTS_READ, path=path)


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("claims/a", True),
        ("claims/2026/q3/b", True),
        ("claims/", True),
        ("claims/2026/", True),
        ("claims", False),
        ("claimsX/a", False),
        ("claim/a", False),
        ("", False),
        ("a/b", True),
        ("a/bc", False),
        ("a/b/c", False),
        (None, False),
    ],
)
def test_a_link_gives_a_file_exactly_and_of_a_folder_what_lies_below(path, given):
    link = replace(ACTOR, method=AuthMethod.LINK, pinned=frozenset({"a/b", "claims/"}))
    assert gate.gives(link.pinned or (), path) is given
    if path is not None:
        assert gate.allows(link, Permission.OBJECTS_READ, path=path) is given
    if given:
        gate.require(link, Permission.OBJECTS_READ, path=path)
    else:
        with pytest.raises(NotFound):
            gate.require(link, Permission.OBJECTS_READ, path=path)


def test_a_link_lists_its_folders_only_and_never_everywhere():
    link = replace(ACTOR, method=AuthMethod.LINK, pinned=frozenset({"z/", "a/b", "a/c/", "a/c/d/"}))
    assert gate.reach(link, Permission.OBJECTS_READ) == ("a/c/", "z/")
    with pytest.raises(Denied):
        gate.reach(link, Permission.OBJECTS_WRITE)
    with pytest.raises(NotFound):
        gate.reach(replace(link, pinned=frozenset({"a/b"})), Permission.OBJECTS_READ)


def test_a_link_without_paths_reaches_nothing():
    with pytest.raises(NotFound):
        gate.require(replace(ACTOR, method=AuthMethod.LINK), Permission.OBJECTS_READ, path="a/b")


def test_every_role_is_granted_something_and_no_role_what_is_nobodys():
    assert set(GRANTS) == set(Role)
    granted = frozenset().union(*GRANTS.values())
    assert granted.isdisjoint({Permission.OPERATOR_JOBS, Permission.ORGANIZATION_PROVISION})


def test_the_vocabulary_is_alphabetical():
    assert [p.value for p in Permission] == sorted(p.value for p in Permission)


def test_no_scope_is_for_sessions_only():
    assert all(AuthMethod.API_KEY in AUTH_METHODS[scope] for scope in SCOPES)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.AUDITOR, Role.DEVELOPER, Role.SERVICE_ACCOUNT])
def test_only_owners_and_admins_hand_out_roles(role):
    assert not any(may_assign(role, other) for other in Role)


def test_an_auditor_reads_no_content_and_an_analyst_no_trail():
    assert Permission.OBJECTS_READ not in GRANTS[Role.AUDITOR]
    assert Permission.AUDIT_READ not in GRANTS[Role.ANALYST]
