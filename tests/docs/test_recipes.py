"""docs/recipes.md is followed from top to bottom: its shell as a shell, its Python as Python, against a served HQ."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hq.authz.permissions import SCOPES
from hq.db.context import tenant
from sharing import actions as sharing
from tenants import actions
from tests.factories import make_place
from tests.idp.browsing import LOOPBACK
from tests.webhooks.support import hook, receiving, send_all
from tests.workloads.support import make_machines
from vault import actions as vault_actions
from vault import selectors as vault

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parent.parent.parent
RECIPES = (ROOT / "docs" / "recipes.md").read_text()


def blocks(language: str, kind: str = "") -> list[str]:
    """What stands in fences of a language, in order; `kind` is the word after it."""
    fence = f"{language} {kind}".strip()
    return re.findall(rf"^```{fence}\n(.*?)^```$", RECIPES, re.DOTALL | re.MULTILINE)


@pytest.fixture
def surroundings(address, tmp_path):
    """What the recipes ask for: where HQ is, a key, and whose it is."""
    place = make_place()
    owner = place.actor()
    with tenant(place.id):
        made = actions.create_api_key(actor=owner, name="recipes", scopes=SCOPES & owner.permissions)
    given = {
        "HQ": address,
        "KEY": made.secret,
        "KEY_ID": str(made.key.id),
        "ENVIRONMENT": str(place.live_id),
        "ORGANIZATION": str(place.id),
        "PYTHONPATH": str(ROOT / "client"),
    }
    return place, {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | given, tmp_path


def run(command: list[str], script: str, environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        [*command, script], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def python(*parts: str) -> str:
    return "\n".join(parts)


def test_every_shell_recipe_runs_in_order(surroundings):
    _, environment, folder = surroundings
    told = run(["bash", "-euo", "pipefail", "-c"], "\n".join(blocks("sh")), environment, folder)
    assert "Deductible: 500" in told
    names = re.findall(r'"name":"Nightly import"', told)
    assert len(names) == 2  # answered twice, and made once, or the second would have been refused
    assert "ratelimit-remaining" in told.lower()


def test_every_python_recipe_runs_in_order(surroundings):
    _, environment, folder = surroundings
    script = python(*blocks("python", "setup"), *blocks("python"))
    told = run([sys.executable, "-c"], script, environment, folder)
    assert "404 not-found" in told
    assert "share:created" not in told  # a field of the event is shown, not its tag
    assert re.search(r"req_[0-9a-f]{32}$", told.strip())


def test_a_workload_comes_in_as_told(surroundings):
    place, environment, folder = surroundings
    machines = make_machines(place)
    environment |= {"TRUST": str(machines.trust.id), "TOKEN": machines.token()}
    told = run(["bash", "-euo", "pipefail", "-c"], "\n".join(blocks("sh", "workload")), environment, folder)
    assert '"token_type":"Bearer"' in told
    script = python(*blocks("python", "setup"), *blocks("python", "workload"))
    run([sys.executable, "-c"], script, environment, folder)
    with tenant(place.id):
        assert vault.list_objects(place.actor(), prefix="claims/", folders=False, after="", limit=1)


def test_a_receiver_verifies_what_came(surroundings, settings):
    place, environment, folder = surroundings
    settings.OUTBOUND_NETWORKS = LOOPBACK
    with receiving() as receiver:
        made = hook(place, receiver.url, "share:created")
        vault_actions.put_object(actor=place.actor(), path="a/b", chunks=[b"content"])
        with tenant(place.id):
            sharing.create_share(actor=place.actor(), paths=["a/b"])
        send_all()
        [received] = receiver.got
    environment |= {"WEBHOOK_SECRET": made.secret}
    given = f"receive({received.headers!r}, {received.body.encode()!r})"
    told = run([sys.executable, "-c"], python("import os", *blocks("python", "webhook"), given), environment, folder)
    assert told.startswith("share:created")
    assert "'kind': 'share'" in told


def test_each_fence_is_run_by_a_test():
    fences = set(re.findall(r"^```(\w.*)$", RECIPES, re.MULTILINE))
    assert fences == {"sh setup", "python setup", "sh", "python", "sh workload", "python workload", "python webhook"}
