"""Deleting hides; restoring brings back; nothing that was stored is lost by either."""

from dataclasses import replace

import pytest

from audit import selectors as trail
from audit.selectors import Filters
from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.errors import Denied, NotFound, PreconditionFailed
from tests.factories import Place, make_place
from tests.vault.support import Put, files, get
from vault import actions, selectors
from vault.actions import AlreadyCurrent, Conditions, NotDeleted


def test_a_deleted_object_is_not_there_and_its_bytes_still_are(place: Place, actor: Actor, put: Put) -> None:
    put("a", b"one")
    actions.delete_object(actor=actor, path="a")
    with pytest.raises(NotFound):
        get(actor, "a")
    assert len(files(place)) == 1


def test_a_restored_object_is_as_it_was(actor: Actor, put: Put) -> None:
    put("a", b"one")
    put("a", b"two")
    actions.delete_object(actor=actor, path="a")
    assert actions.restore_object(actor=actor, path="a").number == 2
    assert get(actor, "a") == b"two"


def test_an_older_version_comes_back_as_a_new_one_that_shares_its_bytes(place: Place, actor: Actor, put: Put) -> None:
    put("a", b"one", content_type="text/one")
    put("a", b"two")
    restored = actions.restore_object(actor=actor, path="a", version=1)
    assert (restored.number, restored.restored_from, restored.content_type) == (3, 1, "text/one")
    assert get(actor, "a") == b"one"
    assert get(actor, "a", version=2) == b"two"
    assert len(files(place)) == 2


def test_an_older_version_of_a_deleted_object_comes_back(actor: Actor, put: Put) -> None:
    put("a", b"one")
    put("a", b"two")
    actions.delete_object(actor=actor, path="a")
    assert get(actor, "a", version=1) == b"one"
    actions.restore_object(actor=actor, path="a", version=1)
    assert get(actor, "a") == b"one"


def test_what_is_not_deleted_cannot_be_undeleted(actor: Actor, put: Put) -> None:
    put("a")
    with pytest.raises(NotDeleted):
        actions.restore_object(actor=actor, path="a")
    with pytest.raises(AlreadyCurrent):
        actions.restore_object(actor=actor, path="a", version=1)


def test_what_never_was_cannot_be_deleted_or_restored(actor: Actor, put: Put) -> None:
    put("a")
    for path in ("b", "a/b"):
        with pytest.raises(NotFound):
            actions.delete_object(actor=actor, path=path)
        with pytest.raises(NotFound):
            actions.restore_object(actor=actor, path=path)
    with pytest.raises(NotFound):
        actions.restore_object(actor=actor, path="a", version=2)


def test_deleting_twice_is_refused_the_second_time(actor: Actor, put: Put) -> None:
    put("a")
    actions.delete_object(actor=actor, path="a")
    with pytest.raises(NotFound):
        actions.delete_object(actor=actor, path="a")


def test_if_match_deletes_only_what_was_seen(actor: Actor, put: Put) -> None:
    seen = Conditions(match=frozenset({put("a", b"one").version.sha256}))
    put("a", b"two")
    with pytest.raises(PreconditionFailed):
        actions.delete_object(actor=actor, path="a", conditions=seen)
    assert get(actor, "a") == b"two"


def test_another_organizations_object_is_no_object(put: Put) -> None:
    put("a")
    other = make_place().actor()
    with pytest.raises(NotFound):
        actions.delete_object(actor=other, path="a")
    with pytest.raises(NotFound):
        actions.restore_object(actor=other, path="a")


def test_a_machine_of_the_service_role_cannot_delete(place: Place, put: Put) -> None:
    put("a")
    with pytest.raises(Denied):
        actions.delete_object(actor=place.actor(Role.SERVICE_ACCOUNT), path="a")


def test_a_link_neither_deletes_nor_restores_nor_sees_history(actor: Actor, put: Put) -> None:
    put("a", b"one")
    put("a", b"two")
    link = replace(
        actor,
        kind="link",
        method=AuthMethod.LINK,
        permissions=frozenset({Permission.OBJECTS_READ, Permission.OBJECTS_WRITE}),
        pinned=frozenset({"a"}),
    )
    assert get(link, "a") == b"two"
    with pytest.raises(Denied):
        actions.delete_object(actor=link, path="a")
    with pytest.raises(NotFound):
        actions.restore_object(actor=link, path="a", version=1)
    with pytest.raises(NotFound):
        get(link, "a", version=1)
    with tenant(actor.organization_id):
        for history in (selectors.list_versions, lambda who, _: selectors.list_objects(who)):
            with pytest.raises(NotFound):
                history(link, "a")


def test_the_trail_says_what_was_deleted_and_restored(actor: Actor, put: Put) -> None:
    put("a", b"one")
    put("a", b"two")
    actions.delete_object(actor=actor, path="a")
    actions.restore_object(actor=actor, path="a", version=1)
    with tenant(actor.organization_id):
        restored, deleted = trail.list_events(actor, Filters(), before=None, limit=2)[:2]
    assert (deleted.tag, restored.tag) == ("object:deleted", "object:restored")
    assert deleted.detail["before"]["version"] == 2
    assert restored.detail["after"]["version"] == 3
    assert restored.detail["after"]["restored_from"] == 1


def test_deleted_objects_are_listed_last_deleted_first_with_who_did_it(place: Place, actor: Actor, put: Put) -> None:
    for path in ("a", "b", "c"):
        put(path)
        actions.delete_object(actor=actor, path=path)
    put("kept")
    with tenant(place.id):
        first = selectors.list_deleted(actor, limit=1)
        rest = selectors.list_deleted(actor, after=selectors.position_of_deleted(first[0]), limit=5)
    assert [version.path for version in (*first[:1], *rest)] == ["c", "b", "a"]
    assert first[0].object.deleted_by == actor.label
