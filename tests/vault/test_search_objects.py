"""Objects are found by what their names begin with, wherever they are and the reader may read (browse, API)."""

import pytest

from hq.db.context import tenant
from hq.lib.errors import Denied
from tests.factories import make_place, sign_in
from tests.vault.http import assert_refused
from tests.vault.limited import let_rules_decide, member, store
from vault import actions, selectors
from vault.selectors import NoSuchName, NotOurCursor, search

PATHS = ["Annual Report.pdf", "a/annex", "a/b/ANNUAL.txt", "a/other", "annual/x", "z/Ännderung", "z/100%_sure"]


def found(actor, begins, **more):
    with tenant(actor.organization_id):
        return [version.path for version in selectors.search_objects(actor, begins, **more).versions]


@pytest.fixture
def stored(place):
    store(place, PATHS, deleted=["a/annual-deleted"])
    return place


def test_names_are_found_in_every_folder_whatever_their_capitals(stored, actor):
    assert found(actor, "ann") == ["a/annex", "Annual Report.pdf", "a/b/ANNUAL.txt"]
    assert found(actor, "ANNU") == ["Annual Report.pdf", "a/b/ANNUAL.txt"]
    assert found(actor, "änn") == found(actor, "A\u0308NN") == ["z/Ännderung"]
    assert found(actor, "100%_") == ["z/100%_sure"]
    assert found(actor, "%") == found(actor, "nnual") == found(actor, "annual-") == []


def test_below_a_folder_only_what_is_in_it_is_found(stored, actor):
    assert found(actor, "ann", folder="a/") == ["a/annex", "a/b/ANNUAL.txt"]
    assert found(actor, "x", folder="annual/") == ["annual/x"]


@pytest.mark.parametrize("begins", ["", "a/b", "a" * 256])
def test_what_no_name_begins_with_is_refused(stored, actor, begins):
    with pytest.raises(NoSuchName):
        found(actor, begins)


def walk(actor, begins, limit, **more):
    """Every page, and how many there were."""
    paths, after, pages = [], "", 0
    while True:
        with tenant(actor.organization_id):
            page = selectors.search_objects(actor, begins, after=after, limit=limit, **more)
        assert len(page.versions) <= limit
        paths += [version.path for version in page.versions]
        pages, after = pages + 1, page.after
        if not after:
            return paths, pages


@pytest.mark.parametrize("little", [True, False])
def test_pages_follow_each_other_for_readers_of_everything_and_of_some_folders(place, monkeypatch, little):
    monkeypatch.setattr(search, "SEEN_MOST", 20_000 if little else 4)
    names = [f"{folder}/n{number}" for number in range(4) for folder in "abc"]
    store(place, [*names, "c/deep/n9"])
    assert walk(place.actor(), "n", 3)[0] == [*names, "c/deep/n9"]
    let_rules_decide(place)
    reader = member(place)
    with pytest.raises(Denied):
        found(reader.actor, "n")
    reader.give("b/")
    reader.give("c/deep/")
    expected = ["b/n0", "b/n1", "b/n2", "b/n3", "c/deep/n9"]
    assert sorted(walk(reader.actor, "n", 2)[0]) == expected
    assert walk(reader.actor, "n", 2, folder="c/")[0] == ["c/deep/n9"]
    paths, pages = walk(reader.actor, "n", 50)
    assert (sorted(paths), pages) == (expected, 1 if little else 4)


def test_a_cursor_of_another_kind_is_refused(stored, actor):
    for cursor in ("x", "[]", "[1,2]", '["a"]', '["a","b\\u0000"]', '{"a":"b"}', "[" * 5_000):
        with pytest.raises(NotOurCursor):
            found(actor, "a", after=cursor)


def test_the_api_finds_by_name_in_pages(committed_place):
    store(committed_place, PATHS)
    api = member(committed_place).api()
    first = api("GET", "objects?name=ANN&limit=2", content_type="").json()
    assert [item["path"] for item in first["items"]] == ["a/annex", "Annual Report.pdf"]
    rest = api("GET", f"objects?name=ANN&limit=2&cursor={first['next_cursor']}", content_type="").json()
    assert ([item["path"] for item in rest["items"]], rest["next_cursor"]) == (["a/b/ANNUAL.txt"], None)
    below = api("GET", "objects?name=ann&prefix=a/b/", content_type="").json()["items"]
    assert [item["path"] for item in below] == ["a/b/ANNUAL.txt"]
    for wrong in ("name=", "name=a&prefix=a", "name=a&delimiter=/", "name=a/b"):
        assert_refused(api("GET", f"objects?{wrong}", content_type=""), 400)


def test_nothing_of_another_organization_or_environment_is_found(stored, actor):
    other = make_place()
    actions.put_object(actor=stored.actor(environment_id=stored.test_id), path="annual-test", chunks=[b"x"])
    assert found(other.actor(), "a") == []
    assert "annual-test" not in found(actor, "ann")


def test_the_page_shows_what_was_found_with_its_folder(committed_place):
    store(committed_place, PATHS)
    client = sign_in(committed_place.owner)
    base = f"/o/{committed_place.slug}/live/files"
    page = client.get(f"{base}/search", {"q": "ann"}).content.decode()
    assert page.index("annex") < page.index("Annual Report.pdf") < page.index("ANNUAL.txt")
    assert f'href="{base}/?folder=a%2Fb%2F"' in page
    assert "No name begins like this" in client.get(f"{base}/search", {"q": "nothing"}).content.decode()
    assert client.get(f"{base}/search", {"q": "a/b"}).status_code == 400
    assert client.get(f"{base}/search").status_code == 200
