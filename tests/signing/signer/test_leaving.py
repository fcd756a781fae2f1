"""A signer leaves: the sessions of the browser end, there and in the database."""

import pytest
from django.test import Client

from hq.db.context import tenant
from signing.actions.leaving import MOST, leave
from signing.models import SignerSession
from tests.signing.signer.support import arrived, at
from tests.signing.support import sent, signer

pytestmark = pytest.mark.django_db(transaction=True)


def sessions(place):
    with tenant(place.id):
        return SignerSession.objects.count()


def test_leaving_ends_every_session_of_the_browser_and_no_other(place):
    one, two = signer(sent(place)), signer(sent(place))
    client = arrived(two, arrived(one))
    other = arrived(one)
    kept = {name: cookie.value for name, cookie in client.cookies.items()}
    assert sessions(place) == 3
    assert "Leave" in client.get(at(one)).content.decode()
    answer = client.post("/sign/leave")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign/leave")
    assert "You have left" in client.get("/sign/leave").content.decode()
    assert [client.get(at(each)).status_code for each in (one, two)] == [404, 404]
    client.cookies.load(kept)  # whoever copied the cookies has nothing of them
    assert [client.get(at(each)).status_code for each in (one, two)] == [404, 404]
    assert (other.get(at(one)).status_code, sessions(place)) == (200, 1)


def test_it_takes_the_button_of_the_page(place):
    one = signer(sent(place))
    client = arrived(one)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies.load({name: cookie.value for name, cookie in client.cookies.items()})
    assert strict.post("/sign/leave").status_code == 403
    assert "Leave these documents" in strict.get("/sign/leave").content.decode()
    assert sessions(place) == 1


def test_a_cookie_that_names_nobody_is_no_fault():
    client = Client()
    client.cookies.load({"hq-sign-000000000000": "hqh_nobody"})
    assert client.post("/sign/leave").status_code == 303


def test_so_many_cookies_as_no_browser_has_are_not_all_looked_up(place):
    one = signer(sent(place))
    token = [cookie.value for name, cookie in arrived(one).cookies.items() if name.startswith("hq-sign-")]
    leave(session_tokens=[*(f"hqh_{number}" for number in range(MOST)), *token])
    assert (len(token), sessions(place)) == (1, 1)
    leave(session_tokens=[*(f"hqh_{number}" for number in range(MOST - 1)), *token])
    assert sessions(place) == 0
