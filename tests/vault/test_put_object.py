"""Storing objects: what is accepted, what is refused, and that a refusal leaves nothing."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction

from audit import selectors as trail
from audit.selectors import Filters
from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import GRANTS, Role
from hq.db.context import tenant
from hq.lib.errors import Denied, NotFound, PreconditionFailed
from hq.lib.paths import InvalidPath, LocalOnlyPath
from tests.factories import Place, make_place
from tests.vault.support import Put, files, get
from vault import actions, selectors
from vault.actions import Conditions
from vault.actions.put import NameTaken, ObjectTooLarge, UploadTooSlow, WrongDigest, WrongLength
from vault.models import Blob, ObjectVersion, StoredObject
from vault.store import StorageFull


class Gone(Exception):
    """The sender went away."""


def states(place: Place) -> list[str]:
    with tenant(place.id):
        return sorted(Blob.objects.values_list("state", flat=True))


def assert_nothing_is_there(place: Place) -> None:
    with tenant(place.id):
        assert not StoredObject.objects.exists()
        assert not ObjectVersion.objects.exists()
    assert states(place) == []
    assert files(place) == []


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_000_000])
def test_it_gives_back_what_was_stored(actor: Actor, put: Put, size: int) -> None:
    content = os.urandom(size)
    made = put("claims/2026-q3/register.parquet", content, content_type="application/x-parquet")
    assert made.created
    assert (made.version.number, made.version.size) == (1, size)
    assert made.version.sha256 == hashlib.sha256(content).hexdigest()
    assert get(actor, "claims/2026-q3/register.parquet") == content


def test_a_second_put_makes_a_second_version_and_keeps_the_first(actor: Actor, put: Put) -> None:
    put("a", b"one")
    made = put("a", b"two")
    assert not made.created
    assert made.version.number == 2
    assert get(actor, "a") == b"two"
    assert get(actor, "a", version=1) == b"one"


def test_environments_have_objects_of_their_own(place: Place, put: Put) -> None:
    put("a", b"live")
    with pytest.raises(NotFound):
        get(place.actor(environment_id=place.test_id), "a")


def test_organizations_have_objects_of_their_own(put: Put) -> None:
    put("a", b"mine")
    with pytest.raises(NotFound):
        get(make_place().actor(), "a")


def test_a_path_has_one_spelling_whichever_way_it_is_typed(actor: Actor, put: Put) -> None:
    put("cafe\u0301", b"x")
    assert get(actor, "caf\u00e9") == b"x"


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "a//b", "../a", "a/../b", "a\x00b", "C:/a", "a\\b", "a%2f..%2fb", "x" * 1025, "a.", "con"]
)
def test_a_hostile_path_is_refused_and_leaves_nothing(place: Place, put: Put, path: str) -> None:
    with pytest.raises(InvalidPath):
        put(path)
    assert_nothing_is_there(place)


def test_the_local_only_class_is_refused_with_its_sentence(place: Place, put: Put) -> None:
    with pytest.raises(LocalOnlyPath, match=r"Credential directories stay on your machine\."):
        put(".aws/credentials")
    assert_nothing_is_there(place)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.AUDITOR])
def test_who_may_not_write_leaves_nothing(place: Place, put: Put, role: Role) -> None:
    with pytest.raises(Denied):
        put("a", actor=place.actor(role))
    assert_nothing_is_there(place)


def test_a_link_writes_only_what_it_is_pinned_to(actor: Actor, put: Put) -> None:
    link = replace(
        actor,
        kind="link",
        method=AuthMethod.LINK,
        permissions=frozenset({Permission.OBJECTS_READ, Permission.OBJECTS_WRITE}),
        pinned=frozenset({"given/a"}),
    )
    assert put("given/a", actor=link).created
    with pytest.raises(NotFound):
        put("given/b", actor=link)


def test_the_trail_says_who_stored_what(actor: Actor, put: Put) -> None:
    put("claims/a", b"one")
    put("claims/a", b"two")
    with tenant(actor.organization_id):
        updated, created = trail.list_events(actor, Filters(target_id=""), before=None, limit=2)[:2]
    assert (created.tag, updated.tag) == ("object:created", "object:updated")
    assert updated.target_label == "claims/a"
    assert updated.detail["before"]["sha256"] == hashlib.sha256(b"one").hexdigest()
    assert updated.detail["after"] == {
        "version": 2,
        "size": 3,
        "sha256": hashlib.sha256(b"two").hexdigest(),
        "content_type": "application/octet-stream",
    }


# ---- what arrives is not what was announced


@pytest.mark.parametrize("said", [0, 6, 8, 10**12])
def test_another_length_than_announced_leaves_nothing(place: Place, put: Put, said: int) -> None:
    with pytest.raises(WrongLength):
        put("a", b"7 bytes", expected_size=said)
    assert_nothing_is_there(place)


def test_another_digest_than_announced_leaves_nothing(place: Place, put: Put) -> None:
    with pytest.raises(WrongDigest):
        put("a", b"x", expected_sha256=hashlib.sha256(b"y").hexdigest())
    assert_nothing_is_there(place)


def test_a_sender_that_goes_away_leaves_nothing_and_its_error_is_told(place: Place, put: Put) -> None:
    def cut() -> Iterator[bytes]:
        yield bytes(200_000)
        raise Gone

    with pytest.raises(Gone):
        put("a", chunks=cut())
    assert_nothing_is_there(place)


def test_an_object_over_the_limit_is_refused_before_and_while_it_comes(place: Place, put: Put, settings: Any) -> None:
    settings.MAX_OBJECT_SIZE = 1000
    with pytest.raises(ObjectTooLarge):
        put("a", bytes(1001), expected_size=1001)
    with pytest.raises(ObjectTooLarge):
        put("a", chunks=iter([bytes(600), bytes(600)]))
    assert_nothing_is_there(place)
    assert put("a", bytes(1000), expected_size=1000).created


def test_a_full_disk_leaves_nothing(place: Place, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        put("a")
    monkeypatch.undo()
    assert_nothing_is_there(place)


def test_an_upload_that_was_given_up_meanwhile_cannot_show_itself(place: Place, put: Put) -> None:
    def stalled() -> Iterator[bytes]:
        yield b"one"
        with tenant(place.id):
            assert Blob.objects.filter(state="PENDING").update(state="DOOMED", lease_until=None) == 1
        yield b"two"

    with pytest.raises(UploadTooSlow):
        put("a", chunks=stalled())
    with tenant(place.id):
        assert not StoredObject.objects.exists()
    assert files(place) == []


# ---- preconditions


def test_if_match_stores_only_over_what_was_seen(put: Put) -> None:
    seen = put("a", b"one").version.sha256
    put("a", b"two")
    with pytest.raises(PreconditionFailed):
        put("a", b"three", conditions=Conditions(match=frozenset({seen})))


def test_if_match_of_anything_needs_something(place: Place, put: Put) -> None:
    with pytest.raises(PreconditionFailed):
        put("a", conditions=Conditions(match=frozenset({"*"})))
    assert_nothing_is_there(place)


def test_if_none_match_of_anything_stores_only_where_nothing_is(actor: Actor, put: Put) -> None:
    fresh = Conditions(none_match=frozenset({"*"}))
    assert put("a", conditions=fresh).created
    with pytest.raises(PreconditionFailed):
        put("a", conditions=fresh)
    actions.delete_object(actor=actor, path="a")
    assert put("a", conditions=fresh).created


def test_a_precondition_is_looked_at_again_when_the_bytes_have_come(actor: Actor, put: Put) -> None:
    def overtaken() -> Iterator[bytes]:
        yield b"slow"
        put("a", b"quick")

    with pytest.raises(PreconditionFailed):
        put("a", chunks=overtaken(), conditions=Conditions(none_match=frozenset({"*"})))
    assert get(actor, "a") == b"quick"


# ---- a file or a folder


def test_nothing_can_be_stored_below_a_file(put: Put) -> None:
    put("a/b")
    with pytest.raises(NameTaken, match=r"^a/b is a file"):
        put("a/b/c/d")


def test_no_file_can_have_a_folders_name(put: Put) -> None:
    put("a/b/c")
    with pytest.raises(NameTaken, match=r"^a is a folder"):
        put("a")
    assert put("a/b.txt").created
    assert put("a/b0").created


def test_the_name_of_a_deleted_file_is_free_for_a_folder(actor: Actor, put: Put) -> None:
    put("a")
    actions.delete_object(actor=actor, path="a")
    assert put("a/b").created
    with pytest.raises(NameTaken):
        actions.restore_object(actor=actor, path="a")


def test_a_path_that_became_free_while_the_bytes_came_is_made_again(actor: Actor, put: Put) -> None:
    put("a", b"one")

    def overtaken() -> Iterator[bytes]:
        yield b"two"
        actions.delete_object(actor=actor, path="a")

    made = put("a", chunks=overtaken())
    assert made.created
    assert made.version.number == 2
    assert get(actor, "a") == b"two"


# ---- what stands at rest


def test_what_tells_about_content_and_people_is_sealed(place: Place, put: Put) -> None:
    made = put("a", b"known content", content_type="text/x-canary")
    with tenant(place.id), transaction.atomic():
        row = ObjectVersion.objects.filter(pk=made.version.pk).extra(select={"raw": "vault_objectversion::text"}).get()
    raw = row.raw
    for canary in (made.version.sha256, "text/x-canary", place.owner.label):
        assert canary not in raw
        assert canary.encode().hex() not in raw


def test_every_role_that_writes_may_store(place: Place, put: Put) -> None:
    for role in Role:
        if Permission.OBJECTS_WRITE in GRANTS[role]:
            assert put(f"by {role}", actor=place.actor(role)).created


def test_the_bucket_is_named_after_the_organization_and_made_once(place: Place, actor: Actor) -> None:
    with tenant(place.id):
        stats = selectors.bucket_stats(actor)
    assert stats.name == f"hq-{place.slug}-{place.id.hex[-8:]}"
    assert (stats.objects, stats.size, stats.stored) == (0, 0, 0)
