"""Upload requests: strangers send files into a folder, within limits, and see nothing of it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test import Client

from audit.models import AuditEvent
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound
from hq.lib.paths import InvalidPath, LocalOnlyPath
from hq.web.transfer import Body
from sharing import actions, selectors
from sharing.actions.caps import Cap
from sharing.actions.file_types import WrongType, agrees
from sharing.actions.links import CannotBeShared
from sharing.actions.receiving import FileTooLarge, RequestFull, sender
from sharing.actions.redemption import LinkCannotBeOpened
from sharing.actions.requests import Limits, RequestAlreadyClosed
from sharing.actions.rules import change_rule
from sharing.models import UploadAttempt, UploadRequest
from tests.factories import make_member, run_jobs, sign_in
from tests.sharing.conftest import RECIPIENT, store
from tests.vault.limited import member
from vault import actions as vault
from vault import selectors as objects

pytestmark = pytest.mark.django_db(transaction=True)


def ask(place, *limits, actor=None, folder="inbox/", seconds=3600, types=()):
    asked = Limits(*limits) if limits else Limits(types=types)
    with tenant(place.id):
        return actions.create_request(
            actor=actor or place.actor(), folder=folder, purpose="Your invoices", ttl_seconds=seconds, limits=asked
        )


def send(made, name="a.csv", content=b"1,2", length=None):
    body = Body(len(content) if length is None else length, None, "text/csv", iter([content]))
    return actions.receive_file(token=made.token, name=name, body=body, origin=RECIPIENT)


def row_of(made):
    with tenant(made.request.organization_id):
        return UploadRequest.objects.get(pk=made.request.pk)


def kinds_of(made):
    with tenant(made.request.organization_id):
        rows = UploadAttempt.objects.filter(request_id=made.request.pk).order_by("at", "pk")
        return [row.reason or row.kind for row in rows]


def paths_in(place):
    with tenant(place.id):
        return [one.path for one in objects.list_objects(place.actor(), prefix="inbox/")]


def test_what_is_sent_lands_in_the_folder_with_an_event_and_in_its_life(place):
    made = ask(place)
    came = send(made)
    assert (came.name, came.size) == ("a.csv", 3)
    assert paths_in(place) == ["inbox/a.csv"]
    row = row_of(made)
    assert (row.files, row.size) == (1, 3)
    assert kinds_of(made) == ["received"]
    with tenant(place.id):
        event = AuditEvent.objects.get(tag="upload_request:received", target_id=str(made.request.id))
    assert event.detail["after"] == {"path": "inbox/a.csv", "size": 3, "sha256": came.sha256}


def test_it_is_opened_again_and_again_and_a_taken_name_gets_a_number_that_the_sender_is_not_told(place):
    store(place.actor(), "inbox/a.csv", b"ours")
    store(place.actor(), "inbox/b/c", b"ours")
    made = ask(place)
    assert [send(made, name).name for name in ("a.csv", "a.csv", "b")] == ["a.csv", "a.csv", "b"]
    assert paths_in(place) == ["inbox/a (2).csv", "inbox/a (3).csv", "inbox/a.csv", "inbox/b (2)", "inbox/b/c"]
    assert b"".join(vault.open_object(actor=place.actor(), path="inbox/a.csv").read(0, 4)) == b"ours"


def test_only_the_hash_of_the_address_is_kept(place):
    made = ask(place)
    assert made.url.endswith(f"/r/{made.token}")
    assert made.token not in repr(made)
    with tenant(place.id), connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM sharing_uploadrequest AS t")
        assert made.token not in str(cursor.fetchall())


@pytest.mark.parametrize("ended", ["closed", "expired", "left", "unknown"])
def test_whatever_takes_nothing_any_more_gets_the_one_answer(place, monkeypatch, ended):
    if ended == "expired":
        monkeypatch.setattr("sharing.actions.requests.now", lambda: now() - timedelta(hours=2))
    bert = member(place)
    made = ask(place, actor=bert.actor)
    if ended == "closed":
        with tenant(place.id):
            actions.close_request(actor=place.actor(), request_id=made.request.id)
            with pytest.raises(RequestAlreadyClosed):
                actions.close_request(actor=place.actor(), request_id=made.request.id)
    if ended == "left":
        from tenants import actions as tenants

        with tenant(place.id):
            tenants.remove_member(actor=place.actor(), member_id=bert.membership.id)
    token = made.token if ended != "unknown" else "hqr_" + "x" * 43
    with pytest.raises(LinkCannotBeOpened):
        actions.look_at_request(token=token, origin=RECIPIENT)
    body = Body(1, None, "text/csv", iter([b"1"]))
    with pytest.raises(LinkCannotBeOpened):
        actions.receive_file(token=token, name="a.csv", body=body, origin=RECIPIENT)
    page = Client().get(f"/r/{token}")
    assert page.status_code == 404
    assert "This link cannot be opened" in page.content.decode()
    assert paths_in(place) == []


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("../out.csv", InvalidPath),
        ("/out.csv", InvalidPath),
        ("a/../../out.csv", InvalidPath),
        ("%2e%2e/out.csv", InvalidPath),
        ("a\\b.csv", InvalidPath),
        ("", InvalidPath),
        (".env", LocalOnlyPath),
    ],
)
def test_no_name_leads_out_of_the_folder(place, name, refusal):
    made = ask(place)
    with pytest.raises(refusal):
        send(made, name)
    assert row_of(made).files == 0
    assert len(kinds_of(made)) == 1


def test_the_limits_of_count_bytes_each_and_in_all_hold(place):
    made = ask(place, 2, 10, 15)
    with pytest.raises(FileTooLarge):
        send(made, content=b"x" * 11)
    send(made, "one", b"x" * 10)
    with pytest.raises(RequestFull):
        send(made, "two", b"x" * 6)
    send(made, "two", b"x")
    with pytest.raises(RequestFull):
        send(made, "three", b"x")
    assert kinds_of(made) == ["file-too-large", "received", "request-full", "received", "request-full"]
    assert actions.look_at_request(token=made.token, origin=RECIPIENT).state == "full"


def test_many_at_once_pass_no_limit(place):
    made = ask(place, 3, 10, 100)

    def one(number):
        try:
            send(made, f"{number}.csv")
        except RequestFull:
            return "full"
        finally:
            connections.close_all()
        return "received"

    with ThreadPoolExecutor(8) as pool:
        ended = sorted(pool.map(one, range(12)))
    assert ended == ["full"] * 9 + ["received"] * 3
    assert len(paths_in(place)) == row_of(made).files == 3


def test_what_does_not_come_whole_gives_its_room_back(place):
    made = ask(place, 1, 10, 10)
    with pytest.raises(Exception, match="length"):
        send(made, content=b"123", length=5)
    assert (row_of(made).files, row_of(made).size) == (0, 0)
    send(made)
    assert kinds_of(made) == ["wrong-length", "received"]


@pytest.mark.parametrize("stored", [True, False])
def test_a_file_whose_process_was_killed_is_settled_as_what_it_was(place, stored):
    made = ask(place)
    with tenant(place.id):
        UploadRequest.objects.filter(pk=made.request.pk).update(files=1, size=3)
        UploadAttempt.objects.create(
            organization_id=place.id,
            request=made.request,
            kind="arriving",
            path="inbox/a.csv",
            size=3,
            user_agent="",
            at=now() - timedelta(hours=25),
        )
    if stored:
        vault.put_object(actor=sender(made.request, RECIPIENT), path="inbox/a.csv", chunks=[b"1,2"])
    from sharing.tasks import sweep

    sweep()
    run_jobs()
    assert kinds_of(made) == ["received" if stored else "broken-off"]
    assert row_of(made).files == int(stored)


@pytest.mark.parametrize(
    ("ending", "head", "agreed"),
    [
        ("pdf", b"%PDF-1.7", True),
        ("pdf", b"MZ\x90", False),
        ("pdf", b"", False),
        ("png", b"\x89PNG\r\n\x1a\n", True),
        ("docx", b"PK\x03\x04", True),
        ("csv", b"a,b", True),
        ("csv", b"a\0b", False),
        ("csv", b"\x7fELF", False),
        ("odd", b"anything", True),
        ("odd", b"MZ", False),
    ],
)
def test_a_file_begins_as_its_name_says(ending, head, agreed):
    assert agrees(ending, head) is agreed


def test_only_the_asked_kinds_are_taken(place):
    made = ask(place, types=(".PDF", "csv"))
    assert row_of(made).types == ["csv", "pdf"]
    for name, content in (("a.exe", b"1"), ("a", b"1"), ("a.pdf", b"MZ"), ("a.csv.exe", b"1")):
        with pytest.raises(WrongType):
            send(made, name, content)
    send(made, "A.PDF", b"%PDF-1.7")
    assert paths_in(place) == ["inbox/A.PDF"]
    assert row_of(made).files == 1


def test_the_sender_reads_lists_and_deletes_nothing(place):
    store(place.actor(), "inbox/ours", b"ours")
    actor = sender(ask(place).request, RECIPIENT)
    with tenant(place.id):
        for read in (objects.get_object, objects.list_versions):
            with pytest.raises(Denied):
                read(actor, "inbox/ours")
        with pytest.raises(Denied):
            objects.list_objects(actor)
    with pytest.raises(Denied):
        vault.delete_object(actor=actor, path="inbox/ours")
    with pytest.raises(NotFound):
        vault.put_object(actor=actor, path="elsewhere", chunks=[b"x"])


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"seconds": 59}, "/ttl_seconds"),
        ({"seconds": 2_592_001}, "/ttl_seconds"),
        ({"folder": ""}, "/folder"),
        ({"folder": "../x"}, "/folder"),
        ({"types": ("p d f",)}, "/types"),
    ],
)
def test_it_refuses_what_cannot_be_asked_for(place, asked, pointer):
    with pytest.raises(CannotBeShared) as refused:
        ask(place, **asked)
    assert refused.value.errors[0]["pointer"] == pointer


def test_a_sharing_rule_caps_requests_too(place):
    with tenant(place.id):
        change_rule(actor=place.actor(), group_id=None, reviewed=None, wanted=Cap(longest_seconds=60))
    ask(place, seconds=60)
    with pytest.raises(CannotBeShared, match="1 minute at most"):
        ask(place, seconds=61)
    with tenant(place.id):
        wanted, reviewed = Cap(requests_allowed=False), Cap(longest_seconds=60)
        change_rule(actor=place.actor(), group_id=None, reviewed=reviewed, wanted=wanted)
    with pytest.raises(CannotBeShared, match="no upload requests"):
        ask(place, seconds=60)


def test_who_may_not_write_there_cannot_ask_for_files_there(place):
    auditor = place.actor(Role.AUDITOR, make_member(place, Role.AUDITOR))
    with pytest.raises(Denied):
        ask(place, actor=auditor)


def test_the_page_of_the_sender_and_a_plain_form_and_put(place):
    made, client = ask(place, 3, 10, 30), Client()
    words = client.get(f"/r/{made.token}").content.decode()
    for part in ("Olive Owner asks you for files", "“Your invoices”", "3 files", "10 bytes each", "Choose or drop"):
        assert part in words
    sent = client.post(f"/r/{made.token}", {"file": SimpleUploadedFile("form.csv", b"1")})
    assert "form.csv" in sent.content.decode()
    put = client.put(f"/r/{made.token}/put.csv", b"22", content_type="text/csv", headers={"content-length": "2"})
    assert put.status_code == 201
    assert put.json()["name"] == "put.csv"
    large = client.post(f"/r/{made.token}", {"file": SimpleUploadedFile("large.csv", b"x" * 11)})
    assert large.status_code == 413
    assert "larger than the request takes" in large.content.decode()
    assert Client(enforce_csrf_checks=True).post(f"/r/{made.token}").status_code == 403
    assert client.get(f"/r/{made.token}")["Cache-Control"] == "no-store"
    assert paths_in(place) == ["inbox/form.csv", "inbox/put.csv"]
    # Who sends a file has not looked at the page once more.
    assert kinds_of(made).count("looked") == 2


def test_the_portal_makes_lists_shows_and_closes(place):
    client, at = sign_in(place.owner), f"/o/{place.slug}/live/shares/requests"
    assert "No upload requests yet" in client.get(at).content.decode()
    once = client.get(f"{at}/new").context["form"]["once"].value()
    sent = {"purpose": "Invoices", "folder": "inbox", "amount": "2", "unit": "3600", "count": "5", "each": "1"}
    page = client.post(f"{at}/new", {**sent, "whole": "5", "types": "pdf, csv", "once": once})
    made = page.context["made"]
    assert made.url in page.content.decode()
    assert client.post(f"{at}/new", {**sent, "whole": "5", "once": once}).status_code == 400
    send(made)
    life = client.get(f"{at}/{made.request.id}?kind=received").content.decode()
    assert "inbox/a.csv" in life
    assert made.token not in life + client.get(at).content.decode()
    assert client.get(f"{at}/{made.request.id}?kind=none").status_code == 400
    assert client.post(f"{at}/{made.request.id}/close").status_code == 302
    assert "Closed" in client.get(f"{at}?state=closed").content.decode()
    with tenant(place.id):
        assert selectors.count_request_states(place.actor())["closed"] == 1
