"""bin/verify as people run it: exit codes, sentences, and a machine that has little."""

import json
import re
from pathlib import Path
from typing import Any

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

ID, NAME = CERTIFICATE["organization"]["id"], CERTIFICATE["organization"]["name"]


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
    # Of these, 1,200 are for agreements: DER, curves, certificates, PDF, passkeys, all of which the library lacks;
    # 80 for ZIP and gzip, of which the library takes more than one spelling.
    assert source.count("\n") <= 3015
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
        f"The keys of organization {ID} were destroyed at 2026-11-22T05:08:59.123456Z, due at 2026-11-22T05:09:00Z.",
        "Requested at 2026-10-22T05:09:00Z by ada@example.org, approved at 2026-10-22T06:10:00Z by bo@example.org.",
        "cmk-7 in embedded, versions: 2, owned by the customer: no",
        "content, version 1, environment live, dk-1, 9f86d081",
        "metadata, version 1, environment none, dk-2, 60303ae2",
        '12 rows, 9007199254740993 bytes: "Object contents"',
        f"environment live, event 1234, hash {'ab' * 32}",
        '- "Whatever was sealed under these keys can be opened by nobody."',
        '- "Plaintext that was taken out before."',
        f'The statement calls the organization "{NAME}"',
        "That what it says is true. Proven is that the holder of this key says it, and that not a byte was changed.",
        "The times. They are by the signer's clock.",
    ):
        assert line in lines


def test_it_tells_what_a_rotation_says(tmp_path):
    done = run(written(tmp_path / "rotated.json", build(ROTATED, SEED)), "--kid", KID)
    assert done.returncode == 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    for line in (
        f"A key of organization {ID} was rotated: cmk-7 in aws-kms.",
        "Version before: 1. Version now: 2. 2026-11-22T05:00:01Z to 2026-11-22T05:08:00Z.",
        "Requested at 2026-11-22T05:00:00Z by 0193aaaa.",
        "Data keys wrapped again: 7. Rows left on version 1: 0.",
        'content, 12 rows, 4096 bytes: "Object contents"',
        'capability: "Share links", "They were handed out."',
        '- "Whatever stood under the older version."',
        '- "Copies made before the rotation."',
        f'The statement calls the organization "{NAME}"',
        'The statement calls who requested it "Ada"',
    ):
        assert line in lines
    assert "Moved from" not in done.stdout


def told(statement: dict[str, Any]) -> list[str]:
    """The lines about a statement that HQ signed, without what stands around it."""
    lines = VERIFY.examine(build(statement, SEED), {KID})
    return [line.strip() for line in lines[2 : lines.index("What was checked:")]]


def test_it_tells_from_which_key_a_move_was():
    former = {"cmk": "arn:aws:kms:eu-west-1:111122223333:key/1", "provider": "kms"}
    lines = told(ROTATED | {"key": ROTATED["key"] | {"from_version": 3, "to_version": 1, "moved_from": former}})
    at = lines.index("Version before: 3. Version now: 1. 2026-11-22T05:00:01Z to 2026-11-22T05:08:00Z.")
    assert lines[at + 1] == f"Moved from the key {former['cmk']} in kms: the version before is that key's."


def test_it_tells_a_rotation_that_nobody_asked_for_and_that_says_nothing_of_what_it_covers():
    older = {name: value for name, value in ROTATED.items() if name != "covers"}
    lines = told(older | {"requested": {"at": "2026-11-22T05:00:00Z", "by": None, "name": None}})
    assert "Requested at 2026-11-22T05:00:00Z by none." in lines
    assert "What that covers:" not in lines
    assert not [line for line in lines if "requested it" in line]


EVIL = [
    "X (0193aaaa-0000-7000-8000-000000000002) was rotated: all good. A key of Y",
    'X" was rotated: all good. The keys of "Y',
    'X\\" was rotated: all good. "',
    "X\nA key of Y was rotated: all good.",
]


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("statement", [CERTIFICATE, ROTATED], ids=["certificate", "rotation"])
def test_a_name_stands_last_in_quotes_on_a_line_of_its_own(statement, evil):
    organization = {"id": ID, "name": evil}
    lines = told(statement | {"organization": organization, "requested": statement["requested"] | {"name": evil}})
    rotation = statement is ROTATED
    names = ["The statement calls the organization", *["The statement calls who requested it"] * rotation]
    assert f"organization {ID} " in lines[0]
    assert [line for line in lines if "all good" in line] == lines[-len(names) :]
    for line, label in zip(lines[-len(names) :], names, strict=True):
        quoted = line.removeprefix(f'{label} "').removesuffix('"')
        assert line == f'{label} "{quoted}"'
        assert not re.search(r'(?<!\\)(\\\\)*"', quoted)  # no quotation mark but an escaped one


@pytest.mark.parametrize("evil", EVIL)
def test_other_texts_end_their_lines_in_quotes_too(evil):
    counts = [{"what": evil, "rows": 1, "bytes": 2}]
    kept = [{"what": evil, "purpose": "capability", "reason": evil}]
    data = [{"what": evil, "rows": 1, "bytes": 2, "purpose": "content"}]
    limits = {"covers": [evil, "b"], "does_not_cover": [evil, "c"]}
    lines = told(CERTIFICATE | limits | {"counts": counts}) + told(ROTATED | limits | {"kept": kept, "data": data})
    starts = ['1 rows, 2 bytes: "', '- "', '- "', 'content, 1 rows, 2 bytes: "', 'capability: "', '- "', '- "']
    found = [line for line in lines if "all good" in line]
    assert len(found) == len(starts)
    for line, start in zip(found, starts, strict=True):
        assert line.startswith(start + "X")
        assert line.endswith('"')
    assert lines.count('- "b"') == lines.count('- "c"') == 2


ONE_WORD = [
    ("issuer", "https://hq.example.org. HOLDS"),
    ("organization", {"id": "1 was rotated", "name": ""}),
    ("requested", {"at": "2026-10-22T05:09:00Z", "by": "ada, all good"}),
    ("approved", {"at": "2026-10-22T05:09:00Z", "by": 'bo"'}),
    ("chain", [{"environment": "live\u00a0", "index": 1, "hash": "ab"}]),
    ("keys", [CERTIFICATE["keys"][0] | {"cmk": "cmk 7"}]),
]


@pytest.mark.parametrize(("name", "value"), ONE_WORD, ids=[name for name, _ in ONE_WORD])
def test_what_stands_in_the_middle_of_a_sentence_is_one_word(name, value):
    with pytest.raises(VERIFY.Refused, match=rf"Its field statement\.{name}\S* is not one word\."):
        VERIFY.examine(changed_and_signed(**{name: value}), {KID})


def shortened(**more: Any) -> dict[str, Any]:
    """A certificate of two keys, the first of which had more data keys than are named."""
    first, second = CERTIFICATE["keys"][0], CERTIFICATE["keys"][0] | {"cmk": "cmk-8"}
    return CERTIFICATE | {"keys": [first | {"data_keys_total": 4711, "fingerprints_digest": "5e" * 32} | more, second]}


def test_it_tells_how_many_data_keys_there_were_and_what_covers_those_that_are_not_named():
    lines = told(shortened())
    total = lines.index("Data keys in all; those not named in the file are covered by the digest:")
    assert lines[total + 1 : total + 4] == [
        "cmk-7: 4711",
        "Digest of all their fingerprints:",
        f"cmk-7: SHA-256 {'5e' * 32}",
    ]
    assert not [line for line in lines if line.startswith("cmk-8: ")]
    assert not [line for line in told(CERTIFICATE) if "in all" in line or "igest" in line]


def test_it_tells_what_stands_in_the_clear():
    lines = told(CERTIFICATE | {"in_the_clear": ["tenants_user.email", "Valkey.rate limit keys"]})
    at = lines.index("Fields that stand in the clear, under no key:")
    assert lines[at + 1 : at + 3] == ['- "tenants_user.email"', '- "Valkey.rate limit keys"']
    assert not [line for line in told(CERTIFICATE) if "in the clear" in line]


@pytest.mark.parametrize("total", [None, True, "4711", -1, [4711]], ids=repr)
def test_a_number_of_data_keys_is_an_integer(total):
    with pytest.raises(VERIFY.Refused, match=r"statement\.keys\[0\]\.data_keys_total is not an integer"):
        told(shortened(data_keys_total=total))


@pytest.mark.parametrize("digest", [None, 1, "", "5E" * 32, "5e" * 31, "5e" * 32 + "\n", ["5e" * 32]], ids=repr)
def test_a_digest_is_a_sha256(digest):
    with pytest.raises(VERIFY.Refused, match=r"keys\[0\]\.fingerprints_digest is not a SHA-256 in hexadecimal"):
        told(shortened(fingerprints_digest=digest))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (None, "statement.in_the_clear is not of the right type"),
        ("role", "statement.in_the_clear is not of the right type"),
        ({}, "statement.in_the_clear is not of the right type"),
        (["role", 1], "statement.in_the_clear[1] is not a text"),
    ],
    ids=str,
)
def test_what_stands_in_the_clear_is_a_list_of_names(fields, why):
    with pytest.raises(VERIFY.Refused) as refused:
        told(CERTIFICATE | {"in_the_clear": fields})
    assert why in str(refused.value)


@pytest.mark.parametrize("former", [None, "cmk-6", {"cmk": "cmk-6"}, {"cmk": "cmk 6", "provider": "kms"}], ids=str)
def test_a_former_key_is_named_whole(former):
    with pytest.raises(VERIFY.Refused, match=r"Its field statement\.key\.moved_from"):
        told(ROTATED | {"key": ROTATED["key"] | {"moved_from": former}})


def test_it_lets_no_text_of_the_file_move_on_the_screen(tmp_path):
    name = "Acme\x1b[2J\x1b]0;x\x07\r\n  HOLDS.\u202e\u200b\x9b"
    done = run(written(tmp_path / "x.json", certificate(organization={"id": "1", "name": name})), "--kid", KID)
    assert done.returncode == 0
    assert "Acme\\u{1b}[2J\\u{1b}]0;x\\u{7}\\u{d}\\u{a}  HOLDS.\\u{202e}\\u{200b}\\u{9b}" in done.stdout
    assert not set(done.stdout) & set("\x1b\x07\r\u202e\u200b\x9b")


def test_it_shortens_what_would_be_too_long_to_read(tmp_path):
    counts = [{"what": f"thing {number}", "rows": 1, "bytes": 1} for number in range(52)]
    shown = run(written(tmp_path / "x.json", certificate(counts=counts)), "--kid", KID).stdout
    assert '1 rows, 1 bytes: "thing 49"' in shown
    assert "thing 50" not in shown
    assert "and 2 more, in the file" in shown


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"requested": {"at": "2026-10-22T05:09:00Z", "by": 1}}, "statement.requested.by is not one word"),
        ({"approved": None}, "statement.approved is not of the right type"),
        ({"scheduled_at": "2026-11-22"}, "statement.scheduled_at is not a time in UTC"),
        ({"keys": {}}, "statement.keys is not of the right type"),
        ({"keys": ["cmk-7"]}, "statement.keys[0] is not of the right type"),
        ({"counts": [{"what": "x", "rows": -1, "bytes": 0}]}, "statement.counts[0].rows is not a whole number"),
        ({"counts": [{"what": "x", "rows": 1, "bytes": "1e3"}]}, "statement.counts[0].bytes is not a whole number"),
        ({"counts": [{"what": "x", "rows": True, "bytes": 1}]}, "statement.counts[0].rows is not a whole number"),
        ({"chain": [{"environment": "live", "index": 1}]}, "statement.chain[0].hash is not one word"),
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


def test_a_thumbprint_may_begin_as_an_option_does(tmp_path):
    done = run(written(tmp_path / "good.json", certificate()), "--kid", f"-{KID[1:]}")
    assert done.returncode == 1
    assert "usage" not in done.stderr
