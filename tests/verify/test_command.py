"""bin/verify as people run it: exit codes, sentences, and a machine that has little."""

import json
import shutil
from pathlib import Path

import pytest

from hq.crypto.signatures import public_of
from hq.crypto.statements import build
from tests.verify.program import PROGRAM, VERIFY, run
from tests.verify.samples import (
    CERTIFICATE,
    KID,
    PUBLIC,
    ROTATED,
    SEED,
    STRANGER,
    certificate,
    changed_and_signed,
    jwks,
)

NAME = CERTIFICATE["organization"]["name"]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return written(tmp_path / "good.json", certificate())


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    return written(tmp_path / "stranger.json", build(CERTIFICATE, STRANGER))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return written(tmp_path / "jwks.json", jwks(public_of(bytes(32)), PUBLIC))


def written(path: Path, raw: bytes) -> Path:
    path.write_bytes(raw)
    return path


def program(folder: Path, script: str) -> dict[str, str]:
    """An environment whose only program is an openssl of this kind."""
    folder.mkdir()
    if script:
        (folder / "openssl").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "openssl").chmod(0o755)
    return {"PATH": str(folder)}


def test_it_is_one_readable_file_that_needs_nothing_installed():
    source = PROGRAM.read_text()
    assert source.count("\n") <= 400
    assert source.startswith("#!/usr/bin/env python3\n")
    assert PROGRAM.stat().st_mode & 0o111


def test_it_holds_with_the_key_that_was_expected(good, keys):
    for anchor in (["--jwks", keys], ["--kid", KID]):
        done = run(good, *anchor)
        assert done.returncode == 0
        assert f"HOLDS. Signed with a key that you expected: {KID}" in done.stdout
        assert "Whose key it is" not in done.stdout
        assert done.stderr == ""


def test_it_says_that_nobody_said_whose_key_to_expect(good, stranger):
    for path in (good, stranger):
        done = run(path)
        assert done.returncode == 3
        assert "HOLDS" not in done.stdout
        assert "The signature holds, but nobody said whose key to expect:" in done.stdout
        assert "Whose key it is. Anyone can make a key and call it https://hq.example.org." in done.stdout


def test_it_refuses_a_key_that_was_not_expected(stranger, keys):
    for anchor in (["--jwks", keys], ["--kid", KID]):
        done = run(stranger, *anchor)
        assert done.returncode == 1
        assert "REFUSED. It was signed with the key " in done.stdout
        assert "cmk-7" not in done.stdout


def test_it_refuses_a_changed_file_and_tells_nothing_of_what_it_says(tmp_path):
    changed = written(tmp_path / "changed.json", certificate().replace(b'"rows":12', b'"rows":13'))
    done = run(changed, "--kid", KID)
    assert done.returncode == 1
    assert done.stdout.endswith("REFUSED. The statement that can be read is not the one that was signed.\n")
    assert "13 rows" not in done.stdout


def test_it_tells_what_a_certificate_says_and_what_it_cannot_prove(good):
    lines = [line.strip() for line in run(good, "--kid", KID).stdout.splitlines()]
    for line in (
        f"Deletion certificate {CERTIFICATE['id']}, issued at 2026-11-22T05:09:00Z by https://hq.example.org. It says:",
        f"The keys of {NAME} (0193aaaa-0000-7000-8000-000000000001) were destroyed at 2026-11-22T05:08:59.123456Z.",
        "Requested at 2026-10-22T05:09:00Z by ada@example.org, approved at 2026-10-22T06:10:00Z by bo@example.org.",
        "Due at 2026-11-22T05:09:00Z.",
        "cmk-7 at embedded, versions: 2, owned by the customer: no",
        "content, version 1, environment live, dk-1, 9f86d081",
        "metadata, version 1, environment none, dk-2, 60303ae2",
        "Object contents: 12 rows, 9007199254740993 bytes",
        f"environment live, event 1234, hash {'ab' * 32}",
        "Whatever was sealed under these keys can be opened by nobody.",
        "Plaintext that was taken out before.",
        "That what it says is true. Proven is that the holder of this key says it, and that not a byte was changed.",
        "The times. They are by the signer's clock.",
    ):
        assert line in lines


def test_it_tells_what_a_rotation_says(tmp_path):
    done = run(written(tmp_path / "rotated.json", build(ROTATED, SEED)), "--kid", KID)
    assert done.returncode == 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    for line in (
        f"A key of {NAME} (0193aaaa-0000-7000-8000-000000000001) was rotated: cmk-7 at aws-kms.",
        "Rotated from version 1 to version 2, 2026-11-22T05:00:01Z to 2026-11-22T05:08:00Z.",
        "Requested at 2026-11-22T05:00:00Z by Ada (0193aaaa).",
        "Data keys wrapped again: 7. Rows left on version 1: 0.",
        "Object contents (content): 12 rows, 4096 bytes",
        "Share links (capability): They were handed out.",
        "Copies made before the rotation.",
    ):
        assert line in lines


def test_it_lets_no_text_of_the_file_move_on_the_screen(tmp_path):
    name = "Acme\x1b[2J\x1b]0;x\x07\r\n  HOLDS.\u202e\u200b\x9b"
    done = run(written(tmp_path / "x.json", certificate(organization={"id": "1", "name": name})), "--kid", KID)
    assert done.returncode == 0
    assert "Acme\\u{1b}[2J\\u{1b}]0;x\\u{7}\\u{d}\\u{a}  HOLDS.\\u{202e}\\u{200b}\\u{9b}" in done.stdout
    assert not set(done.stdout) & set("\x1b\x07\r\u202e\u200b\x9b")


def test_it_shortens_what_would_be_too_long_to_read(tmp_path):
    counts = [{"what": f"thing {number}", "rows": 1, "bytes": 1} for number in range(52)]
    shown = run(written(tmp_path / "x.json", certificate(counts=counts)), "--kid", KID).stdout
    assert "thing 49: 1 rows" in shown
    assert "thing 50" not in shown
    assert "and 2 more, in the file" in shown


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"requested": {"at": "2026-10-22T05:09:00Z", "by": 1}}, "statement.requested.by is not a text"),
        ({"approved": None}, "statement.approved is not of the right type"),
        ({"scheduled_at": "2026-11-22"}, "statement.scheduled_at is not a time in UTC"),
        ({"keys": {}}, "statement.keys is not of the right type"),
        ({"keys": ["cmk-7"]}, "statement.keys[0] is not of the right type"),
        ({"counts": [{"what": "x", "rows": -1, "bytes": 0}]}, "statement.counts[0].rows is not a whole number"),
        ({"counts": [{"what": "x", "rows": 1, "bytes": "1e3"}]}, "statement.counts[0].bytes is not a whole number"),
        ({"counts": [{"what": "x", "rows": True, "bytes": 1}]}, "statement.counts[0].rows is not a whole number"),
        ({"chain": [{"environment": "live", "index": 1}]}, "statement.chain[0].hash is not a text"),
        ({"check": "true"}, "statement.check is not of the right type"),
        ({"does_not_cover": [None]}, "statement.does_not_cover[0] is not a text"),
    ],
    ids=str,
)
def test_it_refuses_a_field_of_another_type(change, why):
    with pytest.raises(VERIFY.Refused) as refused:
        VERIFY.examine(changed_and_signed(**change), {KID})
    assert why in str(refused.value)


def test_it_checks_many_files_and_answers_for_the_worst(good, stranger, tmp_path):
    bad = written(tmp_path / "bad.json", b"{}")
    assert run(good, good, "--kid", KID).returncode == 0
    assert run(good, stranger).returncode == 3
    done = run(good, bad, stranger, "--kid", KID)
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if line.startswith("/")] == [str(good), str(bad), str(stranger)]
    assert run(good, tmp_path / "none.json", "--kid", KID).returncode == 2
    assert run(bad, tmp_path / "none.json", "--kid", KID).returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--kid", "x", "good.json"],
        ["--kid", "", "good.json"],
        ["--kid", KID],
        ["--jwks", "", "good.json"],
        ["--jwks", "none.json", "good.json"],
        ["--kid", KID, "--jwks", "jwks.json", "good.json"],
        ["--key", KID, "good.json"],
        ["none.json"],
        ["."],
    ],
    ids=str,
)
def test_it_says_how_it_is_used(arguments, good, keys):
    here = [good.parent / word if word.endswith(".json") else word for word in arguments]
    done = run(*here)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr


KEY = json.loads(jwks(PUBLIC))["keys"][0]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b'{"keys":[]}',
        b'{"keys":{}}',
        b'{"keys":["x"]}',
        b'{"keys":[{"crv":"Ed25519"}]}',
        b'{"keys":[{"crv":"Ed25519","x":[]}]}',
        b'{"keys":[{"crv":"Ed25519","x":"AAAA"}]}',
        b'{"keys":[{"crv":"Ed25519","x":"%b"}]}' % (b"A" * 43),
        json.dumps({"keys": [KEY | {"kid": "another"}]}).encode(),
        json.dumps({"keys": [KEY], "more": 1.5}).encode(),
        b'{"keys":[],' + jwks(PUBLIC)[1:],
    ],
    ids=repr,
)
def test_it_takes_no_broken_list_of_keys(document, good, tmp_path):
    done = run(good, "--jwks", written(tmp_path / "broken.json", document))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_it_passes_over_keys_of_other_kinds(good, tmp_path):
    mixed = {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": KID}, KEY]}
    assert run(good, "--jwks", written(tmp_path / "mixed.json", json.dumps(mixed).encode())).returncode == 0
    only = {"keys": mixed["keys"][:1]}
    assert run(good, "--jwks", written(tmp_path / "only.json", json.dumps(only).encode())).returncode == 2


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
