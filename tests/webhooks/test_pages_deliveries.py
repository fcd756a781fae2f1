"""What was sent, as the pages tell it: every attempt, the very request, what was signed; and sending it again."""

import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from re import findall

import pytest
from django.utils import timezone
from werkzeug import Request, Response

from hq.db.context import tenant
from jobs.registry import NETWORK
from tests.factories import make_place, run_jobs
from tests.idp.browsing import LOOPBACK
from tests.idp.loopback import served
from tests.webhooks.pages import Portal, found, text
from tests.webhooks.verifiers import Received, python
from vault import actions as vault
from webhooks import actions
from webhooks.models import Attempt, Delivery
from webhooks.views import told

pytestmark = pytest.mark.django_db(transaction=True)


class Receiver:
    """Answers as it is told to, and keeps what came."""

    def __init__(self) -> None:
        self.address, self.status, self.answer = "", 200, "taken"
        self.came: list[Received] = []

    def __call__(self, environ, start):
        request = Request(environ)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.came.append(Received(request.get_data(as_text=True), headers))
        return Response(self.answer, status=self.status)(environ, start)


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    settings.OUTBOUND_NETWORKS = LOOPBACK
    receiver = Receiver()
    with served(receiver) as receiver.address:
        yield receiver


@pytest.fixture
def portal():
    return Portal(make_place())


@pytest.fixture
def made(portal, receiver):
    return portal.made(url=f"{receiver.address}/hook", events=["object:created"])


def store(portal, path="a/b"):
    vault.put_object(actor=portal.place.actor(), path=path, chunks=[b"content"])


def newest(portal, made):
    """The page of the newest delivery, below the room's address."""
    with tenant(portal.place.id):
        delivery = Delivery.objects.filter(endpoint_id=made.endpoint.id).order_by("-pk")[0]
    return f"{made.endpoint.id}/deliveries/{delivery.id}"


def shown(page, label):
    """The lines of a block of code."""
    return found(rf'aria-label="{label}"[^>]*><code>([^<]*)</code>', page)


def test_the_page_shows_the_request_as_the_receiver_got_it(portal, receiver, made, tmp_path: Path, monkeypatch):
    store(portal)
    run_jobs(NETWORK)
    [came] = receiver.came
    page = portal.get(newest(portal, made))
    assert "object:created Delivered" in text(page)
    assert "200 OK Attempt 1" in text(page)
    head = shown(page, "Request line and headers").splitlines()
    assert head[0] == f"POST {receiver.address}/hook"
    told = dict(line.split(": ", 1) for line in head[1:])
    signed = ("webhook-id", "webhook-timestamp", "webhook-signature")
    assert {name: told[name] for name in signed} == {name: came.headers[name] for name in signed}
    assert shown(page, "Body, as sent") == came.body
    assert json.loads(shown(page, "Body, easy to read")) == json.loads(came.body)
    assert shown(page, "Signed content") == f"{told['webhook-id']}.{told['webhook-timestamp']}.{came.body}"
    assert python(made.secret, Received(came.body, told)) == [json.loads(came.body)]

    file = portal.get(f"{newest(portal, made)}/body")
    assert file["Content-Disposition"] == 'attachment; filename="body.json"'
    (tmp_path / "body.json").write_bytes(file.content)
    monkeypatch.setenv("HQ_WEBHOOK_SECRET", made.secret)
    lines = shown(page, "Steps with openssl")
    by_hand = subprocess.run(["sh", "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"v1,{by_hand.stdout}" in told["webhook-signature"].split()
    assert portal.client.get(found(r'href="([^"]+/audit/\d+)"', page)).status_code == 200


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (302, "302 Found Attempt 1"),
        (401, "Compare its secret, and its clock."),
        (500, "500 Internal Server Error Attempt 1"),
        (599, "Status 599 Attempt 1"),
    ],
)
def test_what_did_not_arrive_says_what_came_back_and_when_it_is_tried_again(portal, receiver, made, status, said):
    receiver.status, receiver.answer = status, "<b>no</b> thanks"
    store(portal)
    run_jobs(NETWORK)
    page = portal.get(newest(portal, made))
    assert said in text(page)
    assert "Tries again" in text(page)
    assert "HQ tries again" in text(page)
    assert "&lt;b&gt;no&lt;/b&gt; thanks" in page.content.decode()
    listed = text(portal.get(f"{made.endpoint.id}"))
    assert "Nothing has arrived since" in listed
    assert "0 delivered 1 failed" in listed


def test_an_address_that_nobody_knows_is_told_in_words(portal):
    made = portal.made(url="https://hooks.nowhere.invalid/hq", events=["object:created"])
    store(portal)
    run_jobs(NETWORK)
    assert "No server is known by the name in the address." in text(portal.get(newest(portal, made)))


def test_a_test_leads_to_where_its_answer_appears(portal, receiver, made):
    answer = portal.post(f"{made.endpoint.id}/test")
    assert answer.status_code == 302
    waiting = portal.client.get(answer["Location"])
    assert "On its way" in text(waiting)
    asks = found(r'hx-get="([^"]+)"', waiting)
    plain = portal.client.get(asks)
    assert (plain.status_code, plain["Location"]) == (302, answer["Location"])
    htmx = {"HX-Request": "true"}
    still = portal.client.get(asks, headers=htmx)
    assert b"<section" in still.content
    assert "HX-Refresh" not in still
    run_jobs(NETWORK)
    assert portal.client.get(asks, headers=htmx)["HX-Refresh"] == "true"
    done = portal.client.get(answer["Location"])
    assert "webhook:tested Delivered" in text(done)
    assert "hx-get" not in found(r'(?s)<section[^>]*id="attempts"[^>]*>', done)


def test_one_is_sent_again_under_its_id_and_the_page_waits_for_the_answer(portal, receiver, made):
    receiver.status = 410
    store(portal)
    run_jobs(NETWORK)
    receiver.status = 200
    page = newest(portal, made)
    answer = portal.post(f"{page}/replay")
    assert answer["Location"].endswith("?after=1")
    waiting = portal.client.get(answer["Location"])
    asks = found(r'hx-get="([^"]+)"', waiting)
    assert "HX-Refresh" not in portal.client.get(asks, headers={"HX-Request": "true"})
    run_jobs(NETWORK)
    done = portal.client.get(answer["Location"])
    assert "200 OK Attempt 2, by hand" in text(done)
    assert "On its way" not in text(done)
    assert len({came.headers["webhook-id"] for came in receiver.came}) == 1
    assert portal.get(f"{page}/replay").status_code == 405
    assert portal.get(f"{page}?after={'9' * 5000}").status_code == 200


def test_a_range_is_sent_again_with_a_bar_of_how_far_it_is(portal, receiver, made):
    receiver.status = 410
    store(portal)
    run_jobs(NETWORK)
    receiver.status = 200
    here = f"{made.endpoint.id}/replay"
    now = timezone.localtime()
    minutes = {"since": now - timedelta(hours=1), "until": now + timedelta(minutes=2)}
    form = {name: f"{at:%Y-%m-%dT%H:%M}" for name, at in minutes.items()} | {"failed_only": "on"}
    assert "Only what did not arrive" in text(portal.get(here))
    answer = portal.post(here, form)
    assert answer.status_code == 302
    waiting = portal.client.get(answer["Location"])
    assert "Waits for a worker." in text(waiting)
    assert "Waits for a worker." in text(portal.get(f"{made.endpoint.id}"))
    asks = found(r'hx-get="([^"]+/progress[^"]+)"', waiting)
    assert "HX-Refresh" not in portal.client.get(asks)
    assert "is being sent again already" in text(portal.post(here, form))
    run_jobs()
    assert portal.client.get(asks)["HX-Refresh"] == "true"
    assert "1 of 1 deliveries on their way again" in text(portal.client.get(answer["Location"]))
    run_jobs(NETWORK)
    assert "Delivered" in text(portal.get(newest(portal, made)))


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"since": "2026-11-22T10:00", "until": "2026-11-22T09:00"}, "It must be later than the beginning."),
        ({"since": "2020-01-01T10:00", "until": "2020-01-02T10:00"}, "Deliveries are kept for 30 days."),
        ({"since": "yesterday", "until": ""}, "Enter a valid date/time."),
    ],
)
def test_a_range_that_is_none_is_refused(portal, form, said):
    made = portal.made()
    answer = portal.post(f"{made.endpoint.id}/replay", form)
    assert (answer.status_code, said in text(answer)) == (400, True)


def test_a_job_that_is_not_of_this_endpoint_is_not_shown():
    portal = Portal(make_place())
    made, other = portal.made(), portal.made(name="Other")
    with tenant(portal.place.id):
        actor, ends = portal.place.actor(), timezone.now()
        begins = ends - timedelta(hours=1)
        job = actions.replay_range(
            actor=actor, endpoint_id=other.endpoint.id, since=begins, until=ends, failed_only=True
        )
    assert portal.get(f"{other.endpoint.id}/replay", job=str(job.id)).status_code == 200
    for none in (str(job.id), str(made.endpoint.id), "1"):
        assert portal.get(f"{made.endpoint.id}/replay", job=none).status_code == 404, none
    assert "Waits for a worker." not in text(portal.get(f"{made.endpoint.id}"))


def test_the_log_is_filtered_by_the_address_and_goes_on_page_by_page(portal, receiver, monkeypatch):
    made = portal.made(url=f"{receiver.address}/hook", events=["object:created", "share:opened"])
    store(portal)
    run_jobs(NETWORK)
    receiver.status = 410
    store(portal, "c/d")
    run_jobs(NETWORK)
    here = f"{made.endpoint.id}"

    def listed(**query):
        rows = findall(r'class="hq-action" href="[^"]+">([^<]+)<', portal.get(here, **query).content.decode())
        return [unescape(row) for row in rows]

    today = timezone.localdate()
    assert listed() == ["object:created", "object:created"]
    assert listed(state="FAILED") == ["object:created"]
    assert listed(state="DELIVERED", event="object:created", day=today.isoformat()) == ["object:created"]
    assert listed(event="share:opened") == []
    assert listed(day=(today - timedelta(days=2)).isoformat()) == []
    assert "No delivery matches" in text(portal.get(here, state="PENDING"))
    for wrong in ({"state": "LOST"}, {"day": "someday"}, {"cursor": "x"}):
        assert portal.get(here, **wrong).status_code == 400, wrong
    monkeypatch.setattr("webhooks.views.endpoint_page.PAGE", 1)
    first = portal.get(here, day=today.isoformat())
    older = found(r'href="(\?[^"]+)" rel="next"', first)
    assert f"day={today.isoformat()}" in older
    second = portal.client.get(f"{portal.base}{here}{older.partition('#')[0]}")
    assert 'rel="next"' not in second.content.decode()
    assert 'rel="prev"' in second.content.decode()


def test_a_delivery_is_found_below_its_own_endpoint_only(portal, receiver, made):
    other = portal.made(name="Other")
    store(portal)
    delivery = newest(portal, made).rpartition("/")[2]
    for page in ("", "/attempts", "/body"):
        assert portal.get(f"{made.endpoint.id}/deliveries/{delivery}{page}").status_code in {200, 302}
        assert portal.get(f"{other.endpoint.id}/deliveries/{delivery}{page}").status_code == 404
    assert portal.post(f"{other.endpoint.id}/deliveries/{delivery}/replay").status_code == 404


@pytest.mark.parametrize(("status", "then"), [(410, "switched the endpoint off"), (429, "waits as long as it asked")])
def test_what_hq_does_by_itself_is_not_said_of_an_attempt_by_hand(status, then):
    by_itself, by_hand = (
        told.of(Attempt(number=1, status=status, milliseconds=1, replay=replay)).hint for replay in (False, True)
    )
    assert (then in by_itself, then in by_hand) == (True, False)
