"""What somebody sees who was sent a link, and what a mail scanner cannot do to it."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from hq.db.context import tenant
from sharing import actions
from tests.factories import make_place
from tests.sharing.conftest import FILES, attempts_of, kinds_of, link_of, share

# A refused request undoes the transaction that it is in; here that must be its own.
pytestmark = pytest.mark.django_db(transaction=True)
DEAD = "This link cannot be opened"


def at(made):
    return f"/s/{made.token}"


def opened(made, client=None):
    """A browser that has pressed the button."""
    client = client or Client()
    assert client.post(at(made)).status_code == 303
    return client


def test_it_says_who_what_until_when_and_that_it_works_once(place):
    page = Client().get(at(share(place)))
    words = page.content.decode()
    assert page.status_code == 200
    for part in (
        "Olive Owner shared 2 files with you",
        "“Q3 claims”",
        place.organization.name,
        "19 bytes",
        "Open the files",
    ):
        assert part in words
    assert "Once, on this device, for 15 minutes" in words


@pytest.mark.parametrize("method", ["get", "head", "options", "put", "delete", "patch"])
def test_a_scanner_burns_nothing(place, method):
    made = share(place)
    for _ in range(3):
        getattr(Client(), method)(at(made))
    assert link_of(made).opened_at is None
    opened(made)


def test_looking_is_kept(place):
    made = share(place)
    Client(headers={"user-agent": "scanner"}).get(at(made))
    assert [(a.kind, a.user_agent) for a in attempts_of(made)] == [("looked", "scanner")]


def test_opening_needs_the_csrf_token_of_the_page(place):
    made = share(place)
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(at(made)).status_code == 403
    assert link_of(made).opened_at is None
    page = strict.get(at(made))
    token = page.content.decode().split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    assert strict.post(at(made), {"csrfmiddlewaretoken": token}).status_code == 303


def test_opening_leads_to_an_address_without_a_secret(place):
    answer = Client().post(at(share(place)))
    assert (answer.status_code, answer["Location"]) == (303, "/shared/")
    (cookie,) = [c for name, c in answer.cookies.items() if name.startswith("hq-shared-")]
    assert cookie.value.startswith("hqt_")
    assert cookie["path"] == "/shared"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["max-age"] == 900
    assert bool(cookie["secure"]) == settings.SECURE


def test_the_files_have_sizes_hashes_and_downloads(place):
    client = opened(share(place))
    words = client.get("/shared/").content.decode()
    for part in ("2 files from Olive Owner", "19 bytes", "Access ends", "/shared/claims/register.csv?link="):
        assert part in words
    download = client.get("/shared/claims/register.csv")
    assert b"".join(download.streaming_content) == FILES["claims/register.csv"]
    assert download["Content-Disposition"].startswith("attachment")
    assert download["Content-Security-Policy"].startswith("sandbox")


def test_a_download_is_kept_in_the_life_of_the_link(place):
    made = share(place)
    client = opened(made)
    client.head("/shared/claims/register.csv")
    assert b"".join(client.get("/shared/claims/register.csv").streaming_content)
    assert kinds_of(made) == ["opened", "downloaded"]


def test_no_page_is_kept_indexed_or_told_to_third_parties(place):
    made = share(place)
    client = Client()
    answers = [
        client.get(at(made)),
        client.post(at(made)),
        client.get("/shared/"),
        client.get("/shared/claims/method.md"),
    ]
    answers += [client.get(at(made)), Client().get("/shared/"), client.get("/shared/nothing")]
    for answer in answers:
        assert answer["Cache-Control"] == "no-store"
        assert answer["Referrer-Policy"] in {"no-referrer", "strict-origin"}
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        if not answer.streaming:
            assert "//" not in answer.content.decode().replace("http://www.w3.org", "").replace(settings.BASE_URL, "")


def test_a_page_with_a_form_names_its_origin_and_no_more(place):
    """With `no-referrer` browsers send `Origin: null`, and the button would never open anything."""
    made = share(place)
    client = Client()
    assert client.get(at(made))["Referrer-Policy"] == "strict-origin"
    assert client.post(at(made))["Referrer-Policy"] == "no-referrer"
    assert client.get("/shared/")["Referrer-Policy"] == "strict-origin"
    assert client.get("/shared/claims/method.md")["Referrer-Policy"] == "no-referrer"
    assert client.get(at(made))["Referrer-Policy"] == "no-referrer"


def test_every_dead_link_is_the_same_page(place, earlier):
    spent, revoked = share(place), share(place)
    opened(spent)
    with tenant(place.id):
        actions.revoke_share(actor=place.actor(), share_id=revoked.link.id)
    earlier(timedelta(minutes=5))
    expired = share(place, seconds=60)
    earlier(timedelta(0))
    tampered = spent.token[:50] + ("A" if spent.token[50] != "A" else "B") + spent.token[51:]
    pages = set()
    for token in (spent.token, revoked.token, expired.token, tampered, "hqs_x", "%00", "%F0%9F%92%A5", "A" * 9000):
        for method in ("get", "post"):
            answer = getattr(Client(), method)(f"/s/{token}")
            assert answer.status_code == 404, token
            pages.add(answer.content.decode().split("<main")[1])
    assert len(pages) == 1
    assert DEAD in pages.pop()


def test_a_session_that_is_over_or_never_was_is_that_page_too(place):
    made = share(place)
    client = opened(made)
    with tenant(place.id):
        actions.revoke_share(actor=place.actor(), share_id=made.link.id)
    strangers = [client, Client(), Client()]
    strangers[2].cookies["hq-shared-000000000000"] = "hqt_forged"
    for someone in strangers:
        for address in ("/shared/", "/shared/claims/method.md"):
            answer = someone.get(address)
            assert answer.status_code == 404
            assert DEAD in answer.content.decode()


def test_opening_a_second_link_takes_nothing_away_from_the_first(place):
    other = make_place()
    with tenant(other.id):
        theirs = actions.create_share(
            actor=other.actor(), paths=["claims/method.md"], permission="write", ttl_seconds=900, purpose="Theirs"
        )
    made = share(place, purpose="Ours")
    client = opened(theirs, opened(made))
    words = client.get("/shared/").content.decode()
    assert "Ours" in words
    assert "Theirs" in words
    address = f"/shared/claims/method.md?link={made.link.id}"
    assert b"".join(client.get(address).streaming_content) == FILES["claims/method.md"]
    assert client.get(f"/shared/claims/method.md?link={theirs.link.id}").status_code == 404


def test_whatever_the_link_does_not_name_is_not_there(place):
    client = opened(share(place, "claims/method.md"))
    assert client.get("/shared/claims/register.csv").status_code == 404
    assert client.get("/shared/claims/").status_code == 404


def test_a_read_link_shows_no_way_to_write_and_refuses_it(place):
    made = share(place)
    client = opened(made)
    assert "hq-upload>" not in client.get("/shared/").content.decode()
    assert client.put("/shared/claims/method.md", b"mine").status_code == 403
    assert client.post("/shared/claims/method.md", {"file": BytesIO(b"mine")}).status_code == 403
    assert "uploaded" not in kinds_of(made)


def test_a_write_link_replaces_a_file_with_and_without_a_script(place):
    made = share(place, "claims/method.md", permission="write")
    client = opened(made)
    assert "Replace method.md" in client.get("/shared/").content.decode()
    assert client.put("/shared/claims/method.md?from=my.md", b"# One\n").status_code == 200
    assert b"".join(client.get("/shared/claims/method.md").streaming_content) == b"# One\n"
    sent = BytesIO(b"# Two\n")
    sent.name = "my.md"
    assert client.post("/shared/claims/method.md", {"file": sent}).status_code == 302
    assert b"".join(client.get("/shared/claims/method.md").streaming_content) == b"# Two\n"
    assert kinds_of(made)[1:] == ["uploaded", "downloaded", "uploaded", "downloaded"]
    assert client.post("/shared/claims/method.md", {}).status_code == 400


def test_a_write_link_offers_to_send_what_is_not_there_yet(place):
    client = opened(share(place, "inbox/answer.txt", permission="write"))
    words = client.get("/shared/").content.decode()
    assert "Send answer.txt" in words
    assert "Not there yet" in words
    assert client.put("/shared/inbox/answer.txt", b"42").status_code == 201
    assert client.put("/shared/inbox/other.txt", b"42").status_code == 404


def test_replacing_needs_the_csrf_token(place):
    made = share(place, "claims/method.md", permission="write")
    strict = Client(enforce_csrf_checks=True)
    page = strict.get(at(made)).content.decode()
    token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    strict.post(at(made), {"csrfmiddlewaretoken": token})
    assert strict.put("/shared/claims/method.md", b"x").status_code == 403
    assert strict.put("/shared/claims/method.md", b"x", headers={"x-csrftoken": token}).status_code == 200


def test_a_form_stores_no_type_that_is_none(place):
    client = opened(share(place, "claims/method.md", permission="write"))
    sent = SimpleUploadedFile("my.md", b"# Two\n", content_type="x" * 300)
    assert client.post("/shared/claims/method.md", {"file": sent}).status_code == 400
