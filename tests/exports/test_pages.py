"""The pages of exports: asking, progress, downloading, removing, and who has to show first that it is they."""

from datetime import timedelta
from html import unescape
from re import findall
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEvent
from exports.actions.requests import MOST_A_DAY
from exports.models import Export, Volume
from exports.tasks import sweep
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from tenants import actions
from tenants.models import Membership
from tests.exports.support import Pair
from tests.factories import Place, make_member, make_place, run_jobs, sign_in
from tests.factors import confirm, with_password
from vault.models import Blob

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


def test_a_member_asks_waits_downloads_and_removes(place: Place, mailoutbox: list[Any]) -> None:
    client = sign_in(make_member(place, Role.ANALYST))
    export = begin(client, place)
    assert b"Being made" in client.get(at(place)).content
    assert "HX-Refresh" not in client.get(at(place, "your-data/progress"))
    run_jobs()
    # The page that waits has no form for another one; it is asked for anew.
    assert client.get(at(place, "your-data/progress"))["HX-Refresh"] == "true"
    page = client.get(at(place)).content.decode()
    assert "Ready" in page
    (url,) = findall(rf'href="({at(place, "your-data/file")}[^"]+number=1)"', unescape(page))
    whole = client.get(url).getvalue()
    assert whole.startswith(b"age-encryption.org/v1\n")
    part = client.get(url, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.getvalue()) == (206, whole[100:200])
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


def test_an_owner_shows_first_that_it_is_they_to_ask_and_to_download(transactional_db: None) -> None:
    place = make_place("Alder Peak", owner=with_password())
    client, key = sign_in(place.owner), str(Pair().identity.to_public())
    assert b"Confirm that it is you first" in client.get(at(place, "export/")).content
    refused = client.post(at(place, "export/"), {"way": "key", "key": key})
    assert refused["Location"].startswith("/account/reauthenticate/")
    with tenant(place.id):
        assert not Export.objects.exists()
    export = begin(confirm(client), place, "export/")
    run_jobs()
    file = f"{at(place, 'export/file')}?export={export.id}&number=1"
    assert client.get(file).status_code == 200
    assert sign_in(place.owner).get(file)["Location"].startswith("/account/reauthenticate/")
    with tenant(place.id):
        assert AuditEvent.objects.filter(tag="export:downloaded").count() == 1


def test_everybody_who_looks_after_the_organization_hears_of_it(place: Place, mailoutbox: list[Any]) -> None:
    admin = make_member(place, Role.ADMIN)
    begin(sign_in(place.owner), place, "export/")
    told = [each.to for each in mailoutbox if "An export of everything was asked for" in each.subject]
    assert sorted(told) == sorted([[place.owner.email], [admin.email]])


@pytest.mark.parametrize(
    ("passphrase", "again", "told"),
    [
        ("short", "short", "too short"),
        ("password1234", "password1234", "too common"),
        ("aaaaabbbbbccccc", "aaaaabbbbbccccc", "different characters"),
        (STRONG, STRONG + "!", "not the same"),
        ("", "", "too short"),
    ],
)
def test_a_weak_passphrase_or_another_one_is_refused(place: Place, passphrase: str, again: str, told: str) -> None:
    asked = {"way": "passphrase", "passphrase": passphrase, "again": again}
    answer = sign_in(place.owner).post(at(place), asked)
    assert answer.status_code == 400
    assert told in answer.content.decode()
    assert (STRONG in answer.content.decode()) is False


@pytest.mark.parametrize(
    "key",
    [
        "",
        "age1qqqq",
        "AGE-SECRET-KEY-1QQQQ",
        "ssh-dss AAAAB3NzaC1kc3MAAACBAP",
        "ssh-ed25519 AAAA",
        "age1yubikey1qqqq",
        f"{Pair().identity.to_public()}\n{Pair().identity.to_public()}",
    ],
)
def test_what_is_no_public_key_is_refused(place: Place, key: str) -> None:
    answer = sign_in(place.owner).post(at(place), {"way": "key", "key": key})
    assert answer.status_code == 400
    assert "no public key that age encrypts to" in answer.content.decode()


def test_there_is_one_at_a_time_for_a_person_and_for_the_organization(place: Place) -> None:
    owner = sign_in(place.owner)
    begin(owner, place)
    begin(owner, place, "export/")
    key = str(Pair().identity.to_public())
    second = owner.post(at(place), {"way": "key", "key": key})
    assert (second.status_code, b"being made already" in second.content) == (400, True)
    other = make_member(place, Role.OWNER)
    assert other.pk != place.owner.pk
    assert sign_in(other).post(at(place, "export/"), {"way": "key", "key": key}).status_code == 400
    begin(sign_in(other), place)


def test_many_in_a_day_are_refused(place: Place) -> None:
    client = sign_in(place.owner)
    for _ in range(MOST_A_DAY):
        export = begin(client, place)
        client.post(at(place, "your-data/remove"), {"export": export.id})
    answer = client.post(at(place), {"way": "key", "key": str(Pair().identity.to_public())})
    assert answer.status_code == 429


def test_nobody_else_sees_reaches_or_removes_ones_own(place: Place) -> None:
    export = begin(sign_in(make_member(place, Role.DEVELOPER)), place)
    run_jobs()
    owner = sign_in(place.owner)
    assert str(export.id) not in owner.get(at(place)).content.decode()
    for page in ("your-data", "export"):
        assert owner.get(at(place, f"{page}/file?export={export.id}&number=1")).status_code == 404
        assert owner.post(at(place, f"{page}/remove"), {"export": export.id}).status_code == 404
    admin = sign_in(make_member(place, Role.ADMIN))
    assert admin.get(at(place, "export/")).status_code == 403


def test_one_that_is_removed_while_it_is_made_ends(place: Place) -> None:
    client = sign_in(place.owner)
    export = begin(client, place)
    assert client.post(at(place, "your-data/remove"), {"export": export.id}).status_code == 302
    run_jobs()
    with tenant(place.id):
        assert Job.objects.get(pk=export.job_id or export.pk).result == {"removed": True}
        assert not Export.objects.exists()


def test_ones_own_goes_when_one_leaves(place: Place) -> None:
    member = make_member(place, Role.DEVELOPER)
    begin(sign_in(member), place)
    run_jobs()
    with tenant(place.id):
        membership = Membership.objects.get(user=member)
        actions.remove_member(actor=place.actor(), member_id=membership.id)
    run_jobs()
    with tenant(place.id):
        assert not Export.objects.exists()
        assert not Volume.objects.exists()


def test_it_is_there_for_a_week(place: Place) -> None:
    client = sign_in(place.owner)
    export = begin(client, place)
    run_jobs()
    file = at(place, f"your-data/file?export={export.id}&number=1")
    assert client.get(file).status_code == 200
    with tenant(place.id):
        Export.objects.update(expires_at=now() - timedelta(seconds=1))
    assert client.get(file).status_code == 404  # though nobody has removed it yet
    sweep()
    run_jobs()
    with tenant(place.id):
        assert not Export.objects.exists()
        assert not Blob.objects.exists()


def test_ones_account_leads_to_ones_data_in_each_organization(place: Place) -> None:
    other = make_place("Elsewhere")
    page = sign_in(place.owner).get("/me/data").content.decode()
    assert at(place) in page
    assert other.slug not in page


PAGES = [f"{page}/{part}" for page in ("your-data", "export") for part in ("", "progress", "file", "remove")]


def test_each_page_opens_for_those_who_may_and_for_nobody_else(place: Place) -> None:
    """As in the matrix of all pages: without anything that says which export, too."""
    for role in (Role.OWNER, Role.ADMIN, Role.AUDITOR):
        client = sign_in(make_member(place, role))
        for page in PAGES:
            answer = client.post(at(place, page)) if page.endswith("remove") else client.get(at(place, page))
            allowed = role is Role.OWNER or page.startswith("your-data")
            assert answer.status_code in ({200, 400} if allowed else {403}), (role, page)
