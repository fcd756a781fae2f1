"""Sealing: one sealed document, one step, one event; its certificate says what the chain says."""

import subprocess
import sys
from pathlib import Path

import pytest

from signing.actions import bundle
from tests.factories import make_place
from tests.signing import support

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    return make_place()


def checked(path, *more):
    """What bin/verify says of a file: its exit code, and its words."""
    done = subprocess.run(
        [sys.executable, ROOT / "bin" / "verify", path, *more], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("source", ["text", "pdf"])
def test_it_seals_what_everybody_signed_and_the_bundle_holds(place, tmp_path, source):
    pdf = support.pdf_of(2) if source == "pdf" else None
    people = [support.person(1), support.person(2, turn=2), support.person(3, kind="viewer")]
    agreement = support.sealed(place, people, pdf=pdf)
    assert (agreement.state, agreement.level) == ("sealed", "B-B")
    assert support.kinds(agreement)[-1] == "sealed"
    content = bundle.bundle_of(agreement)
    (tmp_path / "bundle.zip").write_bytes(content)
    code, words = checked(tmp_path / "bundle.zip")
    assert code == 3, words
    assert "Nothing is wrong" in words or "holds" in words
