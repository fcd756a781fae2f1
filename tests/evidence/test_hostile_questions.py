"""What a clumsy or hostile browser or program asks of the trail's pages: refused or answered, never a fault."""

import pytest

from tests.factories import make_api_key, make_place, sign_in

pytestmark = pytest.mark.django_db

EARLIEST, LATEST = "0001-01-01", "9999-12-31"
HOSTILE = [
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%F0%9F%98%80" * 60,
    "%1b[2J%0d%0aX: 1",
    "'%22)--;%25s%25(x)s",
    "9" * 5000,
    "%EF%BC%91%C2%B2",
    "-1",
    "fe80::1%25eth0",
    "%7B12345678-1234-5678-1234-567812345678%7D",
    EARLIEST,
    LATEST,
]
FIELDS = [
    "q",
    "first",
    "last",
    "cursor",
    "event",
    "kind",
    "period",
    "tag",
    "actor_id",
    "target_id",
    "ip",
    "request_id",
    "outcome",
    "since",
    "until",
    "day",
]


@pytest.fixture
def place():
    return make_place()


@pytest.mark.parametrize("kind", ["", "access", "people"])
def test_nothing_that_is_asked_of_the_explorer_is_a_fault(place, kind):
    client = sign_in(place.owner)
    for field in FIELDS:
        for word in HOSTILE:
            answer = client.get(f"/o/{place.slug}/live/audit/?kind={kind}&{field}={word}")
            assert answer.status_code in {200, 302, 400, 404}, (field, word)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Honolulu", "UTC"])
@pytest.mark.parametrize("kind", ["", "access"])
def test_the_first_and_the_last_day_of_all_are_days(place, zone, kind):
    place.owner.time_zone = zone
    place.owner.save(update_fields=["time_zone"])
    client = sign_in(place.owner)
    for asked in (
        f"first={EARLIEST}",
        f"last={EARLIEST}",
        f"first={LATEST}",
        f"last={LATEST}",
        f"day={EARLIEST}",
        f"since={EARLIEST}T00:00:00",
        f"until={LATEST}T23:59:59.999999",
        "first=1969-12-31",
        "last=9998-12-31",
    ):
        answer = client.get(f"/o/{place.slug}/live/audit/?kind={kind}&{asked}")
        assert answer.status_code in {200, 400}, asked


@pytest.mark.parametrize("path", ["events", "requests", "exports"])
def test_nothing_that_a_program_asks_of_the_trail_is_a_fault(client, place, path):
    secret = make_api_key(place)
    for field in ("since", "until", "ip", "actor_id", "cursor", "limit", "log", "target_id", "outcome"):
        for word in (*HOSTILE, f"{EARLIEST}T00:00:00Z", f"{LATEST}T23:59:59Z", f"{EARLIEST}T00:00:00%2B14:00"):
            answer = client.get(
                f"/v1/environments/{place.live_id}/audit/{path}?{field}={word}", HTTP_AUTHORIZATION=f"Bearer {secret}"
            )
            assert answer.status_code in {200, 400}, (field, word)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Honolulu", "UTC"])
def test_an_export_from_the_first_to_the_last_minute_can_be_listed(place, zone):
    place.owner.time_zone = zone
    place.owner.save(update_fields=["time_zone"])
    client, page = sign_in(place.owner), f"/o/{place.slug}/live/audit/exports"
    for name, at in (("since", f"{EARLIEST}T00:00"), ("until", f"{LATEST}T23:59")):
        answer = client.post(page, {"log": "admin", "format": "jsonl", name: at})
        assert answer.status_code in {302, 400}, name
        assert client.get(page).status_code == 200, name
