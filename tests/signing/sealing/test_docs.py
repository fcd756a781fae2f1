"""What docs/agreements.md tells people to type does what it says, with no program of HQ's."""

import re
import subprocess

import pytest
from django.test import Client

from signing.actions import bundle
from tests.crashing import ROOT
from tests.factories import make_place
from tests.signing import support

pytestmark = pytest.mark.django_db
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "agreements.md").read_text(), re.DOTALL)


def typed(folder):
    """The block without bin/verify, as one types it."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", BLOCKS[1]], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("source", ["text", "pdf"])
def test_a_bundle_is_checked_by_python_and_openssl_alone_and_refused_once_changed(tmp_path, source):
    people = [support.person(1, name="Émile “the seal” 李"), support.person(2, turn=2)]
    agreement = support.sealed(make_place(), people, pdf=support.pdf_of() if source == "pdf" else None)
    (tmp_path / bundle.name_of(agreement)).write_bytes(bundle.bundle_of(agreement))
    (tmp_path / "hq-seal-root.pem").write_bytes(Client().get("/.well-known/hq-seal-root.pem").content)
    done = typed(tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"head {bytes(agreement.head).hex()}" in done.stdout
    assert f"{agreement.document.sha256}  original." in done.stdout
    assert "Émile “the seal” 李" in done.stdout
    sealed = tmp_path / "bundle" / "sealed.bin"
    changed = bytearray(sealed.read_bytes())
    changed[len(changed) // 2] ^= 1
    sealed.write_bytes(changed)
    last = BLOCKS[1].strip().splitlines()[-1]
    assert last.startswith("openssl")
    again = subprocess.run(["bash", "-c", last], cwd=tmp_path / "bundle", capture_output=True, text=True, check=False)
    assert again.returncode != 0
