"""All files of a link as one zip: streamed, safe to unpack, and never whole once the link is revoked."""

import tracemalloc
from datetime import UTC, datetime
from io import BytesIO
from zipfile import BadZipFile, ZipFile

import pytest
from django.test import Client

from hq.db.context import tenant
from hq.lib.errors import NotFound
from hq.web.transfer import Asking, Withdrawn
from sharing import actions
from sharing.actions.archive import Member, TooManyForOne, safe_name, zipped
from sharing.actions.sessions import still_given
from tests.sharing.conftest import FILES, RECIPIENT, kinds_of, share, store

MEBIBYTE = bytes(1024 * 1024)


class Pieces:
    def __init__(self, *parts):
        self.parts, self.closed = parts, False

    def __iter__(self):
        return iter(self.parts)

    def close(self):
        self.closed = True


def members(*paths, content=b"x"):
    return [Member(path, len(content), datetime(2026, 1, 1, tzinfo=UTC), lambda: Pieces(content)) for path in paths]


def unpacked(*paths):
    whole = b"".join(zipped(members(*paths), Asking(None)))
    return ZipFile(BytesIO(whole)).namelist()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.csv", "a/b.csv"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("a/./b/..", "a/b"),
        ("C:\\evil", "C__evil"),
        ("a\x00b\n", "a_b_"),
        ("...", "file"),
    ],
)
def test_no_name_leads_out_of_where_it_is_unpacked(path, name):
    assert safe_name(path) == name


def test_no_two_names_are_one_on_a_disk_that_folds_case():
    assert unpacked("A/b.csv", "a/B.csv", "a/b.csv") == ["A/b.csv", "a/B (2).csv", "a/b (3).csv"]


def test_it_holds_no_more_than_a_piece_at_a_time():
    many = Pieces(*[MEBIBYTE] * 200)
    big = Member("big", 200 * len(MEBIBYTE), datetime(2026, 1, 1, tzinfo=UTC), lambda: many)
    tracemalloc.start()
    sent = sum(len(piece) for piece in zipped([big], Asking(None)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sent > 200 * len(MEBIBYTE)
    assert peak < 8 * len(MEBIBYTE)
    assert many.closed


def test_an_archive_that_was_broken_off_is_none():
    answers = iter([True, False])
    asking = Asking(lambda: next(answers))
    asking.now()
    sent: list[bytes] = []
    with pytest.raises(Withdrawn):
        sent.extend(zipped(members("a", "b"), asking))
    with pytest.raises(BadZipFile):
        ZipFile(BytesIO(b"".join(sent)))


@pytest.mark.django_db(transaction=True)
def test_a_recipient_downloads_everything_and_each_file_is_kept_as_a_download(place):
    store(place.actor(), "inbox/a", b"1")
    made, client = share(place, "claims/", "inbox/a"), Client()
    client.post(f"/s/{made.token}")
    answer = client.get(f"/shared/{made.link.id}/archive/")
    assert answer["Content-Type"] == "application/zip"
    got = ZipFile(BytesIO(answer.getvalue()))
    assert {name: got.read(name) for name in got.namelist()} == {**FILES, "inbox/a": b"1"}
    assert kinds_of(made) == ["opened", "downloaded", "downloaded", "downloaded"]
    assert Client().get(f"/shared/{made.link.id}/archive/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_link_that_is_revoked_meanwhile_gives_no_whole_archive(place):
    made = share(place, "claims/")
    actor = actions.redeem_share(token=made.token, origin=RECIPIENT).actor
    pieces = actions.archive_of(actor=actor, still=lambda: still_given(actor))
    sent = [next(pieces)]
    with tenant(place.id):
        actions.revoke_share(actor=place.actor(), share_id=made.link.id)
    with pytest.raises(Withdrawn):
        sent.extend(pieces)
    with pytest.raises(BadZipFile):
        ZipFile(BytesIO(b"".join(sent)))


@pytest.mark.django_db(transaction=True)
def test_too_many_files_and_none_at_all_are_said_before_anything_is_sent(place, monkeypatch):
    actor = actions.redeem_share(token=share(place, "claims/").token, origin=RECIPIENT).actor
    monkeypatch.setattr("sharing.actions.archive.FILES_MOST", 1)
    with pytest.raises(TooManyForOne):
        actions.archive_of(actor=actor, still=lambda: True)
    empty = actions.redeem_share(token=share(place, "new/", permission="write").token, origin=RECIPIENT).actor
    with pytest.raises(NotFound):
        actions.archive_of(actor=empty, still=lambda: True)
