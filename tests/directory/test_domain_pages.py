"""The pages of an organization's domains."""

import pytest

from directory.models import Domain
from hq.db.context import tenant
from tests.directory.test_sso_pages import Portal
from tests.factories import make_place, sign_in
from tests.lib.test_txt_records import answering, records

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def portal() -> Portal:
    place = make_place()
    return Portal(place, sign_in(place.owner))


def test_a_domain_is_added_checked_and_removed(portal, settings):
    added = portal.post("domains/", name="Alder.Example", once=portal.once("domains/"))
    address = added["Location"].removeprefix(portal.base)
    page = portal.get(address)
    with tenant(portal.place.id):
        value = f"hq-domain={Domain.objects.get().challenge}"
    assert "_hq-challenge.alder.example" in page
    assert value in page
    with answering(records()) as server:
        settings.DNS_SERVERS = [server.address]
        portal.post(address)
        assert "There is no TXT record at _hq-challenge.alder.example yet." in portal.get(address)
        server.answer = records(f'_hq-challenge.alder.example. TXT "{value}"')
        portal.post(address)
        assert "People with addresses there can sign in" in portal.get(address)
        server.answer = records()
        portal.post(address)
        assert "The record is not there any more." in portal.get(address)
    assert "Verified" in portal.get("domains/")
    assert portal.post(f"{address}/remove", confirm="alder").status_code == 400
    assert portal.post(f"{address}/remove", confirm="alder.example").status_code == 302
    assert "No domains yet" in portal.get("domains/")


def test_a_domain_that_is_none_is_named_as_such(portal):
    answer = portal.post("domains/", name="*.example.com", once=portal.once("domains/"))
    assert answer.status_code == 400
    assert "This is not a domain." in answer.content.decode()
