"""Files in the portal, as a browser asks for them."""

import re
from typing import Any
from urllib.parse import quote

import pytest

from hq.authz.roles import Role
from tests.factories import Place, make_member, make_place, sign_in
from tests.vault.support import files, get
from vault import actions


class Browser:
    """A signed-in person in one environment."""

    def __init__(self, place: Place, role: Role = Role.OWNER) -> None:
        self.client = sign_in(place.owner if role is Role.OWNER else make_member(place, role))
        self.client.handler.enforce_csrf_checks = True
        self.base = f"/o/{place.slug}/live/files/"

    def get(self, address: str = "", **headers: str) -> Any:
        return self.client.get(self.base + address, headers=headers)

    def page(self, address: str = "") -> str:
        response = self.get(address)
        assert response.status_code == 200, response.content
        text: str = response.content.decode()
        return text

    @property
    def token(self) -> str:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.page())
        assert found
        return found[1]

    def post(self, address: str, **data: Any) -> Any:
        return self.client.post(self.base + address, {"csrfmiddlewaretoken": self.token, **data})

    def put(self, path: str, content: bytes = b"content", **headers: Any) -> Any:
        sent = {"X-CSRFToken": self.token, "Accept": "application/problem+json, application/json", **headers}
        return self.client.put(f"{self.base}objects/{quote(path)}", content, content_type="text/plain", headers=sent)


@pytest.fixture
def place(committed_place: Place) -> Place:
    return committed_place


@pytest.fixture
def browser(place: Place) -> Browser:
    return Browser(place)


def store(place: Place, *paths: str) -> None:
    for path in paths:
        actions.put_object(actor=place.actor(), path=path, chunks=[path.encode()])


def test_an_empty_environment_says_so_and_offers_an_upload(browser: Browser) -> None:
    page = browser.page()
    assert "No files yet" in page
    assert "hq-upload" in page


def test_a_folder_shows_its_folders_then_its_files_and_the_way_up(browser: Browser, place: Place) -> None:
    store(place, "claims/2026-q3/a b.txt", "claims/2026-q3/photos/x.jpg", "claims/<i>.txt", "top")
    page = browser.page("?folder=claims/2026-q3/")
    assert page.index("photos") < page.index("a b.txt")
    assert "2 files" in page
    assert "?folder=claims/" in page
    assert f"{browser.base}objects/claims/2026-q3/a%20b.txt" in page
    assert ">top<" not in page
    assert "&lt;i&gt;.txt" in browser.page("?folder=claims/")
    assert "<i>" not in browser.page("?folder=claims/")


def test_the_filter_and_the_page_are_in_the_address(browser: Browser, place: Place) -> None:
    store(place, *(f"many/{number:03}" for number in range(60)))
    first = browser.page("?folder=many/")
    assert first.count("hq-check-row") == 50
    older = re.search(r'href="([^"]+cursor=[^"]+)" rel="next"', first)
    assert older
    second = browser.client.get(older[1].replace("&amp;", "&")).content.decode()
    assert second.count("hq-check-row") == 10
    assert browser.page("?folder=many/&q=01").count("hq-check-row") == 10
    assert "No name here begins like this" in browser.page("?folder=many/&q=x")


@pytest.mark.parametrize(
    "address",
    [
        *("?folder=../", "?folder=%00", "?folder=a//", "?q=../x", "?cursor=x", "?cursor=o%00", "?into=.."),
        *("versions?path=../", "versions", "row?path=%00", "deleted?cursor=x"),
        *("objects/../x", "objects/a%00", "objects/a?version=x"),
    ],
)
def test_a_hostile_address_is_400(browser: Browser, address: str) -> None:
    assert browser.get(address).status_code == 400


def test_what_is_not_there_is_404(browser: Browser) -> None:
    for address in ("objects/a", "versions?path=a", "row?path=a", "objects/a?version=9"):
        assert browser.get(address).status_code == 404


def test_a_new_folder_is_a_place_to_upload_to(browser: Browser) -> None:
    response = browser.get("?folder=claims/&into=new%20one")
    assert response.status_code == 302
    assert response["Location"] == f"{browser.base}?folder=claims%2Fnew+one%2F"
    assert 'data-prefix="claims/new one/"' in browser.page("?folder=claims/new one/")


# ---- in and out


def test_a_file_is_put_and_downloaded_again(browser: Browser, place: Place) -> None:
    response = browser.put("claims/ä b.txt")
    assert response.status_code == 201
    assert response.json()["path"] == "claims/ä b.txt"
    assert browser.put("claims/ä b.txt").status_code == 200
    answer = browser.get("objects/claims/%C3%A4%20b.txt", Range="bytes=0-2")
    assert (answer.status_code, answer.getvalue()) == (206, b"con")
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Security-Policy"].startswith("sandbox")


def test_an_upload_without_the_token_is_refused(browser: Browser, place: Place) -> None:
    assert browser.put("a", b"content", **{"X-CSRFToken": "x" * 32}).status_code == 403
    assert files(place) == []


def test_a_refused_upload_says_why_in_a_problem_document(browser: Browser, place: Place) -> None:
    response = browser.put(".aws/credentials")
    assert response.status_code == 409
    assert response["Content-Type"] == "application/problem+json"
    assert "Credential directories stay on your machine." in response.json()["detail"]
    assert files(place) == []


def test_without_a_script_a_form_stores_small_files(browser: Browser, place: Place) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    two = [SimpleUploadedFile("one.txt", b"1", "text/plain"), SimpleUploadedFile("two.txt", b"2")]
    response = browser.post("upload", folder="claims/", files=two)
    assert response.status_code == 302
    assert get(place.actor(), "claims/one.txt") == b"1"
    assert "2 files stored." in browser.page("?folder=claims/")
    assert browser.post("upload", folder="../", files=two).status_code == 400
    assert browser.post("upload", folder="").status_code == 400


# ---- versions


def test_versions_open_in_place_and_as_a_page(browser: Browser, place: Place) -> None:
    for _ in range(3):
        store(place, "a.txt")
    closed, opened = browser.page("row?path=a.txt"), browser.page("row?path=a.txt&open=1")
    assert "<html" not in opened
    assert "Version 2" not in closed
    assert opened.count("hq-sub") == 3
    page = browser.page("versions?path=a.txt")
    assert page.count(">Restore<") == 2
    assert "objects/a.txt?version=1" in page


def test_an_old_version_is_restored_from_its_row_whatever_is_ticked(browser: Browser, place: Place) -> None:
    actions.put_object(actor=place.actor(), path="a", chunks=[b"one"])
    actions.put_object(actor=place.actor(), path="a", chunks=[b"two"])
    response = browser.post("restore", restore="1:a", path="other")
    assert response.status_code == 302
    assert get(place.actor(), "a") == b"one"
    assert "It is version 3, version 1 again." in browser.page()


# ---- deleting, undoing, sharing


def test_a_deleted_file_can_be_brought_back_at_once(browser: Browser, place: Place) -> None:
    store(place, "claims/a")
    response = browser.post("chosen", delete="claims/a", path="other", folder="claims/")
    page = browser.client.get(response["Location"]).content.decode()
    assert "a deleted." in page
    assert 'value="claims/a"' in page
    assert browser.post("restore", path="claims/a").status_code == 302
    assert get(place.actor(), "claims/a") == b"claims/a"
    assert "Nothing of it is lost" not in browser.client.get(response["Location"]).content.decode()


def test_several_are_deleted_and_found_among_the_deleted(browser: Browser, place: Place) -> None:
    store(place, "a", "b", "c")
    assert browser.post("chosen", action="delete", path=["a", "b", "gone"]).status_code == 302
    assert "2 files deleted." in browser.page()
    page = browser.page("deleted")
    assert page.index('value="b"') < page.index('value="a"')
    assert browser.post("restore", path="a").status_code == 302
    assert get(place.actor(), "a") == b"a"


def test_the_ticked_files_and_folders_go_to_a_new_link(browser: Browser, place: Place) -> None:
    store(place, "claims/a")
    assert 'value="claims/" data-folder' in browser.page()
    response = browser.post("chosen", action="share", path=["a/b", "c d", "claims/"])
    assert response["Location"] == f"/o/{place.slug}/live/shares/new?path=a%2Fb&path=c+d&path=claims%2F"


def test_a_folder_is_not_deleted_but_by_its_files(browser: Browser, place: Place) -> None:
    store(place, "claims/a", "b")
    assert browser.post("chosen", action="delete", path=["claims/", "b"]).status_code == 400
    assert get(place.actor(), "claims/a") == b"claims/a"
    assert get(place.actor(), "b") == b"b"


def test_a_malformed_choice_is_400(browser: Browser) -> None:
    assert browser.post("chosen", action="delete").status_code == 400
    assert browser.post("chosen", path="a").status_code == 400
    assert browser.post("chosen", action="x", path="a").status_code == 400
    assert browser.post("chosen", action="delete", path="../a").status_code == 400
    assert browser.post("chosen", action="delete", path=[str(n) for n in range(201)]).status_code == 400
    assert browser.post("restore").status_code == 400
    assert browser.post("restore", restore="x:a").status_code == 400
    assert browser.post("restore", path="a\0").status_code == 400


def test_nothing_is_done_by_following_a_link(browser: Browser, place: Place) -> None:
    store(place, "a")
    for address in ("chosen?action=delete&path=a", "restore?path=a", "upload"):
        assert browser.get(address).status_code == 405
    assert get(place.actor(), "a") == b"a"


# ---- who


def test_an_analyst_reads_and_is_offered_nothing_else(place: Place) -> None:
    store(place, "a")
    analyst = Browser(place, Role.ANALYST)
    page = analyst.page()
    for offer in ("hq-upload ", 'name="delete"', 'value="share"'):
        assert offer not in page
    assert analyst.get("objects/a").getvalue() == b"a"
    analyst.base, home = f"/o/{place.slug}/live/files/", analyst.base
    assert analyst.post("chosen", action="delete", path="a").status_code == 403
    assert analyst.put("b").status_code == 403
    assert analyst.post("restore", path="a").status_code == 403
    assert home == analyst.base


def test_an_auditor_sees_no_files(place: Place) -> None:
    auditor = Browser(place, Role.AUDITOR)
    for address in ("", "deleted", "versions?path=a", "objects/a"):
        assert auditor.get(address).status_code == 403


def test_a_stranger_finds_no_such_organization(place: Place) -> None:
    stranger = Browser(make_place())
    stranger.base = f"/o/{place.slug}/live/files/"
    for address in ("", "deleted", "objects/a"):
        assert stranger.get(address).status_code == 404


def test_the_test_environment_has_files_of_its_own(browser: Browser, place: Place) -> None:
    store(place, "a")
    browser.base = f"/o/{place.slug}/test/files/"
    assert "No files yet" in browser.page()
    assert browser.get("objects/a").status_code == 404
