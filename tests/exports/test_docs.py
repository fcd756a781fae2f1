"""What docs/exports.md tells people to type works as it stands there, with what HQ gave them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from exports.registry import Scope
from hq.embedded.layout import ROOT
from tests.exports.support import Pair, files_of, made, small_volumes
from tests.factories import make_place
from vault import actions as vault

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.age]
DOCS = (ROOT / "docs" / "exports.md").read_text()


def block(language: str, having: str) -> str:
    (found,) = [text for text in re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL) if having in text]
    return str(found)


def test_its_commands_open_and_check_an_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, pair = make_place(), Pair()
    for number in range(9):
        vault.put_object(actor=place.actor(), path=f"a/{number}.txt", chunks=[b"%d" % number * 9_000])
    with small_volumes(monkeypatch):
        export = made(place, Scope.ORGANIZATION, pair.lock)
    for name, sealed in files_of(place.actor(), export).items():
        (tmp_path / name).write_bytes(sealed)
    pair.file(tmp_path)
    assert len(list(tmp_path.glob("*.tar.age"))) > 2
    subprocess.run(["bash", "-e", "-o", "pipefail", "-c", block("sh", "key.txt")], cwd=tmp_path, check=True)
    assert (tmp_path / "export/files/live/a/7.txt").read_bytes() == b"7" * 9_000
    script = tmp_path / "check.py"
    script.write_text(block("python", "manifest"))
    done = subprocess.run([sys.executable, script], cwd=tmp_path / "export", capture_output=True, text=True, check=True)
    assert "the manifest is what was signed" in done.stdout
    (tmp_path / "export/files/live/a/7.txt").write_bytes(b"8")
    assert subprocess.run(
        [sys.executable, script], cwd=tmp_path / "export", capture_output=True, check=False
    ).returncode
