"""The steps printed in a statement, typed into a plain shell: they verify it, and refuse what was changed."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hq.crypto.statements import DELETION, MAX_BYTES, build, file_name
from tests.verify.samples import CERTIFICATE, ROTATED, SEED, STRANGER, certificate, content

SHELLS = sorted({Path(found).resolve() for name in ("sh", "dash", "bash") if (found := shutil.which(name))})
HOLDS = "The statement in payload.json was signed with the key above and has not been changed.\n"


def typed(folder: Path, statement: dict[str, Any], raw: bytes, shell: Path = SHELLS[0]) -> tuple[int, str]:
    """What a shell says to the steps of `statement`, when this is the file."""
    (folder / file_name(statement)).write_bytes(raw)
    steps = "\n".join(statement["check"]) + "\n"
    done = subprocess.run(
        [shell], input=steps.encode(), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize("shell", SHELLS, ids=lambda path: path.name)
@pytest.mark.parametrize("statement", [CERTIFICATE, ROTATED], ids=["deletion", "rotation"])
def test_the_printed_steps_verify(tmp_path, shell, statement):
    raw = build(statement, SEED)
    code, said = typed(tmp_path, content(raw), raw, shell)
    assert (code, said) == (0, "Signature Verified Successfully\n" + HOLDS)
    assert (tmp_path / "payload.json").read_bytes() in raw


@pytest.mark.parametrize("length", range(4))
def test_they_verify_whatever_length_the_statement_has(tmp_path, length):
    raw = certificate(more="x" * length)
    assert typed(tmp_path, content(raw), raw)[0] == 0


def test_they_verify_the_largest_file(tmp_path):
    raw = certificate(more="x" * 440_000)
    assert len(raw) > MAX_BYTES * 0.98
    assert typed(tmp_path, content(raw), raw)[0] == 0


def test_they_refuse_a_changed_file(tmp_path):
    raw = certificate()
    statement = content(raw)
    middle = raw.index(b'","statement":')
    places = {*range(12), *range(middle - 4, middle + 18), *range(0, len(raw), 500), len(raw) - 2, len(raw) - 1}
    for at in sorted(places):
        code, said = typed(tmp_path, statement, raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        assert code != 0, at
        assert HOLDS not in said


@pytest.mark.parametrize("more", [b"\n", b" ", b"}", b"\x00"], ids=repr)
def test_they_refuse_a_file_with_something_after_it(tmp_path, more):
    raw = certificate()
    code, said = typed(tmp_path, content(raw), raw + more)
    assert code != 0
    assert HOLDS not in said


def test_they_refuse_what_is_put_into_the_signature(tmp_path):
    raw = certificate()
    end = raw.index(b'","statement":')
    for more in (b"=", b"==", b".", b".AAAA", b"A", b" ", b"\n", b"*", b"+"):
        code, said = typed(tmp_path, content(raw), raw[:end] + more + raw[end:])
        assert code != 0, more
        assert HOLDS not in said


def test_they_refuse_another_key(tmp_path):
    assert typed(tmp_path, content(certificate()), build(CERTIFICATE, STRANGER))[0] != 0


def test_they_can_be_copied_out_of_the_file_as_they_stand():
    raw = certificate().decode()
    steps = content(certificate())["check"]
    assert all(f'"{line}"' in raw for line in steps)
    assert not {'"', "\\"} & set("".join(steps))


def test_their_words_are_safe_to_type():
    steps = build({**CERTIFICATE, "type": DELETION, "organization": {"id": "1", "name": "$(reboot)`;"}}, SEED)
    assert "reboot" not in "\n".join(content(steps)["check"])
