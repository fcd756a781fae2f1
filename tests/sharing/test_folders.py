"""Folders in links: reading gives what lies below them, writing adds to it and changes nothing that is there."""

import pytest
from django.test import Client

from hq.authz.levels import Level
from hq.db.context import tenant
from hq.lib.errors import Denied, NotFound
from hq.lib.paths import InvalidPath, LocalOnlyPath
from hq.web.transfer import Body
from sharing import actions, selectors
from sharing.actions.links import CannotBeShared
from sharing.actions.transfers import NameIsTaken
from sharing.views import telling
from tests.factories import Place
from tests.sharing.conftest import FILES, RECIPIENT, kinds_of, share, store
from tests.vault.limited import let_rules_decide, member
from vault import selectors as vault

pytestmark = pytest.mark.django_db(transaction=True)


def opened(made):
    return actions.redeem_share(token=made.token, origin=RECIPIENT).actor


def put(actor, path, content=b"new"):
    body = Body(len(content), None, "text/plain", iter([content]))
    return actions.put_shared(actor=actor, path=path, body=body)


def test_reading_gives_what_lies_below_and_nothing_beside_it(place: Place) -> None:
    store(place.actor(), "claims/deep/er.csv", b"1")
    store(place.actor(), "claimsX/secret.csv", b"1")
    actor = opened(share(place, "claims/"))
    with tenant(place.id):
        below = [file.path for file in selectors.list_below(actor)]
    assert below == ["claims/deep/er.csv", "claims/method.md", "claims/register.csv"]
    assert actions.open_shared(actor=actor, path="claims/deep/er.csv").described.size == 1
    for path in ("claimsX/secret.csv", "claims", "claims/none"):
        with pytest.raises(NotFound):
            actions.open_shared(actor=actor, path=path)


def test_what_comes_later_is_given_too_and_what_was_deleted_is_not(place: Place) -> None:
    actor = opened(share(place, "claims/"))
    store(place.actor(), "claims/later.csv", b"1")
    assert actions.open_shared(actor=actor, path="claims/later.csv").described.size == 1
    with pytest.raises(NotFound), tenant(place.id):
        vault.list_deleted(actor)
    with tenant(place.id):
        assert vault.find_restorable(actor, list(FILES)) == []


def test_writing_adds_new_names_below_the_folder_only(place: Place) -> None:
    actor = opened(share(place, "claims/", permission="write"))
    assert put(actor, "claims/new/from-outside.csv").created
    for path in FILES:
        with pytest.raises(NameIsTaken):
            put(actor, path, b"overwritten")
    for path in ("claims", "claimsX/a", "other.csv"):
        with pytest.raises(NotFound):
            put(actor, path)
    with tenant(place.id):
        versions = vault.list_versions(place.actor(), "claims/register.csv")
    assert [version.number for version in versions] == [1]


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("claims/../other.csv", InvalidPath),
        ("claims//x", InvalidPath),
        ("claims/%2e%2e/other.csv", InvalidPath),
        ("claims/.env", LocalOnlyPath),
        ("claims/con", InvalidPath),
    ],
)
def test_what_a_stranger_adds_keeps_the_rules_of_paths(place: Place, path, refusal) -> None:
    actor = opened(share(place, "claims/", permission="write"))
    with pytest.raises(refusal):
        put(actor, path)


def test_a_named_file_is_replaced_beside_a_folder_that_is_not(place: Place) -> None:
    store(place.actor(), "inbox/there.csv", b"1")
    actor = opened(share(place, "claims/method.md", "inbox/", permission="write"))
    assert not put(actor, "claims/method.md").created
    with pytest.raises(NameIsTaken):
        put(actor, "inbox/there.csv")


def test_a_link_to_read_adds_nothing(place: Place) -> None:
    with pytest.raises(Denied):
        put(opened(share(place, "claims/")), "claims/new.csv")


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        (["nothing/here/"], "nothing in this folder"),
        (["claims/", "claims/method.md"], "lies in a folder that you chose too"),
        (["claims/", "claims/deep/"], "lies in a folder"),
        ([f"many-{number}/" for number in range(11)], "at most 10 folders"),
        (["/"], "empty"),
        (["../"], "only dots"),
        (["a//"], "empty name"),
    ],
)
def test_it_refuses_folders_that_cannot_be_shared(place: Place, paths, why) -> None:
    store(place.actor(), "claims/deep/x", b"1")
    with pytest.raises(CannotBeShared, match=why):
        share(place, *paths)


def test_a_folder_is_shared_by_whoever_may_read_all_of_it(place: Place) -> None:
    let_rules_decide(place)
    ann = member(place)
    ann.give("claims/deep/")
    store(place.actor(), "claims/deep/x", b"1")
    share(place, "claims/deep/", actor=ann.actor)
    with pytest.raises(Denied):
        share(place, "claims/", actor=ann.actor)
    with pytest.raises(Denied):
        share(place, "claims/deep/", actor=ann.actor, permission="write")
    ann.give("claims/", Level.WRITE)
    share(place, "claims/", actor=ann.actor, permission="write")


def test_the_page_lists_downloads_and_takes_files_by_a_plain_form_and_by_put(place: Place) -> None:
    made = share(place, "claims/", permission="write")
    client = Client()
    client.post(f"/s/{made.token}")
    words = client.get("/shared/").content.decode()
    for part in ("1 folder from", "claims/register.csv", "Add files to claims/", "Download all"):
        assert part.lower() in words.lower()
    there = f"/shared/claims/?link={made.link.id}"
    from django.core.files.uploadedfile import SimpleUploadedFile

    assert client.post(there, {"file": SimpleUploadedFile("form.csv", b"1")}).status_code == 302
    sent = client.put(f"{there}&name=sub/script.csv", b"22", content_type="text/csv", headers={"content-length": "2"})
    assert sent.status_code == 201
    again = client.put(f"{there}&name=method.md", b"22", content_type="text/csv", headers={"content-length": "2"})
    assert again.status_code == 409
    words = client.get("/shared/").content.decode()
    assert "claims/form.csv" in words
    assert "claims/sub/script.csv" in words
    assert kinds_of(made) == ["opened", "uploaded", "uploaded"]


@pytest.mark.parametrize(
    ("pins", "write", "words"),
    [
        (["a"], False, "Read and download"),
        (["a/"], False, "Read and download"),
        (["a"], True, "Read, download and replace"),
        (["a/"], True, "Read, download and add files"),
        (["a/", "b"], True, "Read, download, replace and add files"),
    ],
)
def test_a_page_says_what_may_be_done(pins, write, words):
    assert telling.may(pins, write=write) == words
