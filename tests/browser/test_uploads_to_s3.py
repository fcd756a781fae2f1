"""Parts go from the browser straight to S3, whose rules let HQ's own pages send them and nobody else's."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Browser, expect

from hq.db.context import tenant
from tests.aws.fixtures import Aws, kms, ministack, s3, s3_user
from tests.aws.s3_proxy import S3Proxy, holding, passing, proxy_to
from tests.browser.conftest import Open
from tests.factories import Place, make_place
from tests.vault.support import get
from vault import actions
from vault.actions import uploads
from vault.models import Bucket

__all__ = ["kms", "ministack", "s3", "s3_user"]
PART = 5 * 1024 * 1024  # the least that S3 takes
SEND = """async (url) => {
    const headers = {"Content-Type": "application/octet-stream"};
    const sent = await fetch(url, {method: "PUT", body: "12345", headers});
    return [sent.status, sent.headers.get("ETag")];
}"""


@pytest.fixture
def to_s3(kms: Aws, s3: Aws, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    """The way to S3 that HQ signs addresses for."""
    monkeypatch.setattr(uploads, "part_size", lambda _: PART)
    with proxy_to(s3.address) as proxy:
        settings.STORE, settings.KEY_PROVIDER, settings.S3_ENDPOINT = "s3", "kms", proxy.address
        yield proxy


def address_of_part(place: Place, path: str) -> str:
    upload = actions.begin_upload(actor=place.actor(), path=path, size=5)
    [signed] = actions.address_parts(actor=place.actor(), upload_id=upload.id, parts=[1])
    return signed.address.url


def test_parts_travel_to_s3_and_go_on_after_a_lost_connection(
    to_s3: S3Proxy, open_browser: Open, browser: Browser, s3: Aws, tmp_path: Path
) -> None:
    place, content = make_place("Alder Peak"), os.urandom(3 * PART + 17)
    (tmp_path / "register.bin").write_bytes(content)
    eyes = open_browser().sign_in(place.owner)
    page = eyes.go(f"/o/{place.slug}/live/files/")
    with tenant(place.id):
        bucket = Bucket.objects.get()
    [rule] = s3.client("s3").get_bucket_cors(Bucket=bucket.name)["CORSRules"]
    assert (rule["AllowedOrigins"], rule["AllowedMethods"]) == ([django_settings.BASE_URL], ["PUT"])

    reached, goes_on = Event(), Event()
    to_s3.fail("upload_part", passing, passing, holding(reached, goes_on), passing)
    page.locator("#upload-files").set_input_files(tmp_path / "register.bin")
    assert reached.wait(60)
    eyes.context.set_offline(True)
    goes_on.set()
    row = page.locator("[data-rows] > li").filter(has_text="register.bin")
    expect(row.locator("[data-reason]")).to_contain_text("goes on by itself")
    eyes.context.set_offline(False)
    expect(page.get_by_role("heading", name="1 of 1 stored")).to_be_visible(timeout=30_000)
    # Four parts, and at most those again that were on their way when the connection broke.
    assert 4 <= to_s3.asked.count("upload_part") <= 7
    expect(row.locator("[data-receipt]")).to_contain_text(hashlib.sha256(content).hexdigest())
    assert get(place.actor(), "register.bin") == content

    assert page.evaluate(SEND, address_of_part(place, "by-hq")) == [200, '"827ccb0eea8a706c4c34a16891f84e7b"']
    stranger = browser.new_context()
    try:
        with pytest.raises(Exception, match="Failed to fetch"):
            stranger.new_page().evaluate(SEND, address_of_part(place, "by-another-page"))
    finally:
        stranger.close()
