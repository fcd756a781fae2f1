"""A workload is trusted in a real browser, comes in by the very line that the page shows, and one refusal is read."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hq.db.context import tenant
from tenants import actions as tenants
from tests.browser.conftest import Open
from tests.browser.eyes import Eyes
from tests.factories import Place, make_person, make_place
from tests.workloads.cluster import AUDIENCE, ISSUER, Cluster

MOUNTED = "/var/run/secrets/hq/token"


@pytest.fixture
def place(transactional_db: None) -> Place:
    made = make_place("Alder Peak", make_person(name="Inês Carvalho"))
    with tenant(made.id):
        tenants.create_service_account(actor=made.actor(), name="claims-triage")
    return made


def test_a_workload_is_trusted_comes_in_and_is_refused_for_a_reason(open_browser: Open, place: Place, tmp_path: Path):
    cluster, eyes = Cluster(), open_browser(reduced_motion="reduce").sign_in(place.owner)
    page = eyes.go(f"/o/{place.slug}/live/")
    page.get_by_role("link", name="Workloads").click()
    page.get_by_role("link", name="New trust").click()
    page.get_by_label("Kubernetes").check()
    page.get_by_role("button", name="Go on").click()
    agree(eyes, page, cluster)
    expect(page.get_by_text("triage is trusted.")).to_be_visible()
    faults = eyes.faults_in_every_look("workload-steps")
    line = page.get_by_label("The command that exchanges the token", exact=True).inner_text()
    assert "access_token" in exchange(line, tmp_path, cluster.token())
    assert exchange(line, tmp_path, cluster.token(sub="someone")) == {}
    try_one(eyes, page, cluster)
    page.get_by_role("link", name="Back").click()
    page.locator("summary", has_text="Outcome").click()
    page.get_by_role("link", name="refused", exact=True).click()
    expect(page.locator("#exchanges tbody tr")).to_have_count(1)
    page.locator("#exchanges").get_by_role("link", name=re.compile("Today")).click()
    expect(page.get_by_role("heading", name="Another workload sent it")).to_be_visible()
    assert faults == []


def agree(eyes: Eyes, page: Page, cluster: Cluster) -> None:
    for label, value in {
        "Name": "triage",
        "Issuer of the cluster": ISSUER,
        "Key set": cluster.keys,
        "Namespace": "claims",
        "Service account": "triage",
        "Audience": AUDIENCE,
    }.items():
        page.get_by_role("textbox", name=label, exact=label == "Name").fill(value)
    page.get_by_role("button", name="See what will be accepted").click()
    heading = page.get_by_role("heading", name="This is what will be accepted, and nothing else")
    expect(heading).to_be_focused()
    assert eyes.faults_in_every_look("workload-accepted") == []
    page.get_by_role("button", name="Create trust").click()


def exchange(line: str, folder: Path, token: str) -> dict[str, object]:
    """What the line that the page shows gets for a token in a file; nothing if it was refused."""
    file = folder / "token"
    file.write_text(token)
    done = subprocess.run(
        ["bash", "-c", line.replace(MOUNTED, str(file))], capture_output=True, text=True, timeout=30, check=False
    )
    return json.loads(done.stdout) if done.returncode == 0 else {}


def try_one(eyes: Eyes, page: Page, cluster: Cluster) -> None:
    token = cluster.token(sub="someone")
    page.get_by_role("link", name="Try a token").click()
    page.get_by_role("textbox", name="Token").fill(token)
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_text("It would be refused.")).to_be_visible()
    assert eyes.faults_in_every_look("workload-tried") == []
    expect(page.get_by_role("textbox", name="Token")).to_have_value("")
    assert token.rpartition(".")[2] not in page.content()
