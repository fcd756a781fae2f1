"""The page of exports of the trail: nothing yet, one that is asked for, downloaded and removed."""

from typing import Any

import pytest

from tests.factories import make_place, run_jobs, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_export_is_asked_for_downloaded_and_removed_on_its_page() -> None:
    place = make_place()
    client, address = sign_in(place.owner), f"/o/{place.slug}/live/audit/exports"
    assert "No exports yet" in client.get(address).content.decode()
    refused = client.post(
        address, {"log": "admin", "format": "csv", "since": "2026-11-22T10:00", "until": "2026-11-22T09:00"}
    )
    assert refused.status_code == 400
    assert client.post(address, {"log": "admin", "format": "csv"}).status_code == 302
    waiting = client.get(f"{address}/progress").content.decode()
    assert "Being made" in waiting
    assert "of 1 entries" not in waiting  # how many there are is not known yet
    run_jobs()
    page = client.get(address)
    for words in (
        "The whole log, as JSON Lines and CSV",
        "How to check it",
        "python3 verify trail-",
        "--jwks jwks.json",
    ):
        assert words in page.content.decode()
    (listed,) = page.context["exports"]
    file: Any = client.get(listed["file"])
    assert b"".join(file.streaming_content).startswith(b"PK")
    assert file["Content-Type"] == "application/zip"
    assert client.post(listed["remove"]).status_code == 302
    assert client.get(listed["file"]).status_code == 404
