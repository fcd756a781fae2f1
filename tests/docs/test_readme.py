"""The README is followed word for word on a real instance; what it and its neighbours point to is there."""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.embedded.conftest import make_instance
from tests.embedded.instance import Instance

__all__ = ["make_instance"]

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = [path for pattern in ("*.md", "docs/*.md", "docs/adr/*.md") for path in sorted(ROOT.glob(pattern))]


def blocks(document: str = README) -> list[str]:
    """What it tells to type, block by block."""
    return [block.strip() for block in re.findall(r"^```sh\n(.*?)^```$", document, re.DOTALL | re.MULTILINE)]


def environment(instance: Instance) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("HQ_VENV", "HQ_PYTHON") if name in os.environ}
    return instance.environment() | kept


def typed(script: str, instance: Instance) -> str:
    """What a shell prints that stops at the first command that fails."""
    here = script.replace("localhost:8000", f"localhost:{instance.port}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", here],
        cwd=ROOT,
        env=environment(instance),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_works_word_for_word(make_instance: Callable[..., Instance]):
    run, test, demo, *share = blocks()
    assert (run, test, demo) == ("bin/run", "bin/test", "bin/manage demo")
    instance = make_instance()
    instance.start([str(ROOT / run)], **environment(instance))
    assert f"HQ is ready at http://localhost:{instance.port}" in instance.output()

    told = typed(demo, instance)
    assert "claims-triage" in told
    link = re.search(r"http://localhost:\d+/sign-in/\S+", told)
    assert link
    with urllib.request.urlopen(link[0]) as page:
        assert page.status == 200

    stored, url, refused, opened, verified = typed("\n".join(share), instance).splitlines()
    assert json.loads(stored)["path"] == "letters/README.md"
    assert url.startswith(f"http://localhost:{instance.port}/s/hqs_")
    assert json.loads(refused)["status"] == 404
    assert [event["tag"] for event in json.loads(opened)["items"]] == ["share:opened"]
    assert json.loads(verified)["verified"] is True


def test_the_second_command_runs_tests(make_instance: Callable[..., Instance]):
    instance = make_instance()
    own = {name: value for name, value in environment(instance).items() if name not in {"HQ_DATA_DIR", "HQ_PORT"}}
    ours = ("PYTEST_", "DJANGO_", "COV_")
    bare = {name: value for name, value in own.items() if not name.startswith(ours)}
    command = [str(ROOT / blocks()[1]), "-n0", "-q", "tests/lib/test_ids.py"]
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_links_to_is_there(document: Path):
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_every_command_that_contributors_are_told_is_there():
    words = [line.split() for block in blocks((ROOT / "CONTRIBUTING.md").read_text()) for line in block.splitlines()]
    for command, *arguments in words:
        assert os.access(ROOT / command, os.X_OK)
        assert [word for word in arguments if word.startswith("tests/") and not (ROOT / word).exists()] == []


def test_every_setting_that_is_named_is_read_somewhere():
    source = "".join(path.read_text() for path in (ROOT / "hq").rglob("*.py"))
    named = set(re.findall(r"\bHQ_[A-Z_]+\b", README))
    assert {name for name in named if name not in source and name.removesuffix("_FILE") not in source} == set()


def test_decisions_are_numbered_without_gaps():
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs" / "adr").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
