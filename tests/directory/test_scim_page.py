"""The page of directory sync, and how long it remembers (ACC-12)."""

import re
from datetime import timedelta

import pytest

from directory import tasks
from directory.actions.scim_people import AlreadyInDirectory
from directory.models import ScimOperation
from directory.selectors import scim as selectors
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.lib.clock import now
from tests.directory.scim_support import BULK, USER, Directory
from tests.factories import make_member, make_place, run_jobs, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def directory():
    return Directory()


def page(directory, role=Role.OWNER):
    person = directory.place.owner if role is Role.OWNER else make_member(directory.place, role)
    return sign_in(person), f"/o/{directory.place.slug}/live/directory/scim/"


def text(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def found(pattern, answer):
    """What the pattern's group holds, or all of it."""
    match = re.search(pattern, answer.content.decode())
    assert match, pattern
    return match[match.lastindex or 0].replace("&amp;", "&")


def test_a_token_is_made_shown_once_used_and_revoked():
    place = make_place()
    browser = sign_in(place.owner)
    here = f"/o/{place.slug}/live/directory/scim/"
    assert "Not set up" in text(browser.get(here))
    once = found(r'name="once"[^>]*value="([^"]+)"', browser.get(f"{here}token"))
    made = browser.post(f"{here}token", {"once": once})
    secret = found(r"hqd_[\w-]{43}", made)
    base = found(r"http[^<\"]*/scim/v2/[0-9a-f-]{36}", made)
    assert base.endswith(f"/scim/v2/{place.id}")
    again = browser.post(f"{here}token", {"once": once})
    assert (again.status_code, secret in again.content.decode()) == (400, False)
    shown = browser.get(here)
    assert secret not in shown.content.decode()
    assert base in shown.content.decode()
    assert "Waiting for the first request" in text(shown)

    headers = {"authorization": f"Bearer {secret}"}
    assert browser.get(f"/scim/v2/{place.id}/Users", headers=headers).status_code == 200
    assert "Waiting for the first request" not in text(browser.get(here))
    revoke = found(r'href="([^"]+/revoke)"', browser.get(here))
    assert browser.post(revoke, {"confirm": "xxxx"}).status_code == 400
    assert browser.get(f"/scim/v2/{place.id}/Users", headers=headers).status_code == 200
    assert browser.post(revoke, {"confirm": secret[-4:]}).status_code == 302
    assert browser.get(f"/scim/v2/{place.id}/Users", headers=headers).status_code == 401
    assert browser.get(revoke).status_code == 404


def test_it_says_what_is_kept_and_what_was_done_and_refused(directory):
    ada = directory.user("ada")
    directory.user("bob", active=False)
    directory.group("Engines", ada["id"])
    directory.send("POST", "Users", {"schemas": [USER], "userName": "eve@elsewhere.example"})
    directory.send("GET", "Users")
    browser, here = page(directory)
    said = text(browser.get(here))
    assert "People 2 1 of them members now" in said
    assert "Groups 1" in said
    assert f"Added a person {directory.address('ada')}" in said
    assert "Added a group Engines" in said
    assert "Add a person eve@elsewhere.example: HQ takes people only at verified domains" in said
    assert "Read a person" not in said
    refused = text(browser.get(f"{here}?errors=1"))
    assert "HQ takes people only at verified domains" in refused
    assert "Added a person" not in refused
    assert browser.get(f"{here}?errors=2").status_code == 400


def test_who_was_removed_is_named_and_each_operation_of_a_bulk_request(directory):
    ada = directory.user("ada")
    directory.send("DELETE", f"Users/{ada['id']}")
    said = {"schemas": [USER], "userName": directory.address("bob")}
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": said},
        {"method": "POST", "path": "/Users", "bulkId": "c", "data": said},
        {"method": "DELETE", "path": f"/Users/{ada['id']}"},
    ]
    directory.send("POST", "Bulk", {"schemas": [BULK], "Operations": operations})
    with tenant(directory.place.id):
        rows = selectors.list_operations(directory.place.actor(), before=None, limit=10)
        told = [(row.method, row.resource, row.status, row.detail) for row in reversed(rows)]
    assert told[1:] == [
        ("DELETE", "Users", 204, directory.address("ada")),
        ("POST", "Users", 201, directory.address("bob")),
        ("POST", "Users", 409, str(AlreadyInDirectory())),
        ("DELETE", "Users", 404, "There is nothing here of this id"),
    ]


def test_an_auditor_reads_the_page_and_makes_nothing(directory):
    browser, here = page(directory, Role.AUDITOR)
    shown = browser.get(here)
    assert shown.status_code == 200
    assert "New token" not in text(shown)
    assert "Revoke" not in text(shown)
    assert browser.get(f"{here}token").status_code == 403


def test_more_than_a_page_is_reached_by_its_links(directory):
    for number in range(52):
        directory.send("DELETE", f"Users/{number}")
    browser, here = page(directory)
    older = found(r'href="([^"]*cursor=[^"]*)"', browser.get(here))
    assert browser.get(here).content.decode().count("Remove a person") == 50
    assert browser.get(older).content.decode().count("Remove a person") == 2
    assert browser.get(f"{here}?cursor=x").status_code == 400


def fill(directory, count, at):
    with tenant(directory.place.id):
        ScimOperation.objects.bulk_create(
            ScimOperation(
                organization_id=directory.place.id,
                token_id=directory.place.id,
                at=at,
                method="POST",
                resource="Users",
                status=201,
                detail="x",
                request_id="",
            )
            for _ in range(count)
        )


def left(directory):
    with tenant(directory.place.id):
        return ScimOperation.objects.count()


def test_a_month_and_500_operations_are_remembered_and_no_more(directory):
    fill(directory, 3, now() - timedelta(days=31))
    fill(directory, 2, now() - timedelta(days=29))
    tasks.forget_log()
    run_jobs()
    assert left(directory) == 2
    fill(directory, 503, now())
    other = Directory()
    fill(other, 5, now())
    tasks.forget_log()
    run_jobs()
    assert (left(directory), left(other)) == (500, 5)
    with tenant(directory.place.id):
        assert not ScimOperation.objects.filter(at__lt=now() - timedelta(days=1)).exists()
