"""bin/run and bin/manage with the real HQ."""

import http.client
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hq.embedded import development_secrets
from tests.embedded.instance import ROOT, Instance, wait_for

Make = Callable[..., Instance]
RUN = [sys.executable, str(ROOT / "bin" / "_run.py")]
ROLE = "from django.db import connection as c; k = c.cursor(); k.execute('SELECT current_user'); print(k.fetchone()[0])"


def manage(instance: Instance, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "bin" / "_manage.py"), *arguments]
    return subprocess.run(
        command, env=instance.environment() | environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_it_answers_offers_a_link_lets_bin_manage_in_and_leaves_nothing(instance: Instance):
    instance.start(RUN, ready="http://")
    wait_for(lambda: "Sign in once" in instance.output(), "the sign-in link")
    link = http.client.HTTPConnection("localhost", instance.port, timeout=10)
    link.request("GET", "/readyz")

    assert link.getresponse().status == 200
    lines = instance.output().splitlines()
    assert lines[0] == f"HQ is ready at http://localhost:{instance.port}"
    assert lines[1] == f"What is published is served below http://edge.localhost:{instance.port + 1}"
    assert re.fullmatch(rf"Sign in once as \S+: http://localhost:{instance.port}/\S+", lines[2])
    assert len(lines) == 3

    # No port is told to it: it asks the running one.
    told = manage(
        instance, "shell", "-v", "0", "-c", "from django.conf import settings; print(settings.BASE_URL)", HQ_PORT=""
    )
    assert told.stdout.splitlines()[-1] == f"http://localhost:{instance.port}", told.stderr
    assert instance.running

    instance.send(signal.SIGINT)
    assert instance.wait() == 0
    assert instance.left_running() == []


def test_bin_manage_starts_what_it_needs_as_the_application_for_many_at_once(instance: Instance):
    # The first start makes the database; what it takes to do so is not printed where a script would read.
    first = manage(instance, "shell", "-v", "0", "-c", "import sys; print('{}'); sys.exit(7)")
    assert (first.returncode, first.stdout) == (7, "{}\n"), first.stderr
    assert instance.left_running() == []

    command = [sys.executable, str(ROOT / "bin" / "_manage.py"), "shell", "-v", "0", "-c", ROLE]
    several = [
        subprocess.Popen(command, env=instance.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]

    answers = [process.communicate(timeout=120) for process in several]

    assert [out for out, _ in answers] == ["hq_app\n"] * 3, answers
    assert instance.left_running() == []


def test_secrets_are_made_once_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in development_secrets.SECRETS:
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    made = development_secrets.files(tmp_path)
    content = {name: Path(path).read_text() for name, path in made.items()}

    assert development_secrets.files(tmp_path) == made
    assert {name: Path(path).read_text() for name, path in made.items()} == content
    assert {Path(path).stat().st_mode & 0o777 for path in made.values()} == {0o600}
    assert content["HQ_SECRET_KEY_FILE"].startswith(development_secrets.MARK)


def test_no_secret_is_made_for_production_or_over_one_that_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in development_secrets.SECRETS:
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setenv("HQ_SECRET_KEY", "mine")
    assert "HQ_SECRET_KEY_FILE" not in development_secrets.files(tmp_path)

    monkeypatch.setenv("HQ_ENV", "production")
    assert development_secrets.files(tmp_path / "other") == {}
