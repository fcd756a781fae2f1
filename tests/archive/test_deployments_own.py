"""The deployment's own logs, which no environment has: signed, archived and verified like any."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from archive import actions
from audit.tags import Log
from evidence.actions.checkpoints import make_checkpoints
from hq.db.models import PLATFORM_ID
from tests.archive import support
from tests.crashing import ROOT
from tests.factories import Place
from tests.operators import make_operator
from tests.tenants.support_access import ask

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_operators_did_and_requests_of_nobody_known_are_in_the_archive_and_verified(
    archived_place: Place, client: Client, tmp_path: Path
) -> None:
    ask(archived_place, make_operator())
    assert client.get("/nothing-here").status_code == 404
    make_checkpoints(PLATFORM_ID, PLATFORM_ID)
    support.work()
    for log in Log:
        actions.enqueue_write(PLATFORM_ID, PLATFORM_ID, log)
    support.work()
    tags = [row["document"]["tag"] for row in support.rows(PLATFORM_ID)]
    statuses = [row["document"]["status"] for row in support.rows(PLATFORM_ID, Log.ACCESS)]
    jwks = tmp_path / "jwks.json"
    jwks.write_bytes(client.get("/.well-known/jwks.json").content)
    command: list[str | Path] = [sys.executable, "-I", ROOT / "bin" / "verify", support.folder(), "--jwks", jwks]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    signed = support.files(f"audit/checkpoints/{PLATFORM_ID}/**/*.txt")
    assert {Path(name).parent.name for name in signed} == {"admin", "access"}
    assert done.returncode == 0, done.stdout + done.stderr
    assert "support:requested" in tags
    assert 404 in statuses
