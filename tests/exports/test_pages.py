"""The pages of exports: asking, progress, downloading with ranges, removing, and who is asked to show that it is they."""

from html import unescape
from re import findall

import pytest
from django.test import Client

from audit.models import AuditEvent
from exports.models import Export, Volume
from hq.db.context import tenant
from hq.authz.roles import Role
from tests.exports.support import Pair
from tests.factories import Place, make_member, make_place, run_jobs, session_of, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
STRONG = "otter granite lamp 71 violin"


@pytest.fixture
def place(transactional_db: None) -> Place:
    return make_place("Alder Peak")


def at(place: Place, page: str = "your-data/") -> str:
    return f"/o/{place.slug}/live/{page}"


def export_of(place: Place) -> Export:
    with tenant(place.id):
        return Export.objects.latest("pk")


def begin(client: Client, place: Place, page: str = "your-data/", **more: str) -> Export:
    asked = {"way": "key", "key": str(Pair().identity.to_public())} | more
    answer = client.post(at(place, page), asked)
    assert answer.status_code == 302, unescape(answer.content.decode())
    return export_of(place)


def test_a_member_asks_waits_downloads_and_removes(place: Place, mailoutbox: list) -> None:
    client = sign_in(make_member(place, Role.ANALYST))
    export = begin(client, place)
    assert b"Being made" in client.get(at(place)).content
    run_jobs()
    page = client.get(at(place)).content.decode()
    assert "Ready" in page
    (url,) = findall(rf'href="({at(place, "your-data/file")}[^"]+number=1)"', unescape(page))
    whole = b"".join(client.get(url).streaming_content)
    assert whole.startswith(b"age-encryption.org/v1\n")
    part = client.get(url, headers={"range": "bytes=100-199"})
    assert (part.status_code, b"".join(part.streaming_content)) == (206, whole[100:200])
    (mail,) = [each for each in mailoutbox if "ready" in each.subject]
    assert at(place) in mail.body
    assert "file?" not in mail.body
    with tenant(place.id):
        events = AuditEvent.objects.filter(tag__startswith="export:").order_by("index").values_list("tag", flat=True)
        assert list(events) == ["export:requested", "export:completed", "export:downloaded", "export:downloaded"]
    assert client.post(at(place, "your-data/remove"), {"export": export.id}).status_code == 302
    assert client.get(url).status_code == 404
    with tenant(place.id):
        assert not Volume.objects.exists()
