"""bin/verify on a machine that has little, or where something else is called openssl."""

import shutil

import pytest

from tests.verify.program import run
from tests.verify.samples import KID
from tests.verify.test_command import good, program

__all__ = ["good"]


@pytest.mark.parametrize("script", ["", "exit 0", "exit 1", "exit 127"])
def test_it_trusts_no_openssl_that_is_missing_or_cannot_tell(script, good, tmp_path):
    done = run(good, "--kid", KID, environment=program(tmp_path / "bin", script))
    assert done.returncode == 2
    assert "openssl" in done.stderr
    assert done.stdout == ""


def test_it_takes_the_openssl_that_the_path_names(good, tmp_path):
    real = shutil.which("openssl")
    log = tmp_path / "log"
    environment = program(tmp_path / "bin", f'echo "$@" >> {log}\nexec {real} "$@"')
    assert run(good, "--kid", KID, environment=environment).returncode == 0
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["pkeyutl"] * 3


def test_it_prints_on_a_terminal_that_knows_only_ascii(good):
    done = run(good, "--kid", KID, environment={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert done.returncode == 0
