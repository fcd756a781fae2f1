"""Against the examples of the C2SP texts, and against what is no note, no checkpoint, no proof."""

import base64
from hashlib import sha256

import pytest

from hq.crypto import notes
from hq.crypto.merkle import EMPTY_ROOT, BadProof, inclusion_proof, leaf_hash, node_hash, root_of
from hq.crypto.notes import (
    COSIGNATURE,
    BadNote,
    check_cosignature,
    check_note,
    cosign,
    key_id,
    read_checkpoint,
    read_note,
    read_verifier_key,
    sign_note,
    verifier_key,
    with_signatures,
)
from hq.crypto.signatures import BadSignature, public_of, sign
from hq.crypto.transparency import check_proof, read_proof, read_submission, write_proof, write_submission

# signed-note.md, "Example".
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n— example.com/foo"
    " Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# golang.org/x/mod/sumdb/note, the package's own example.
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n— PeterNeumann"
    " x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# tlog-cosignature.md.
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa"
    " Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1"
    " jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)

SEED, OTHER = b"\x01" * 32, b"\x02" * 32
ORIGIN, WITNESS = "hq.example.org/logs/7/admin", "witness.example.org/w1"
LEAVES = [leaf_hash(b"%d" % number) for number in range(5)]
TEXT = notes.Checkpoint(ORIGIN, 5, root_of(LEAVES)).text()
NOTE = sign_note(TEXT, ORIGIN, SEED)


def nodes(level, index):
    return root_of(LEAVES[index << level : (index + 1) << level])


PROOF = write_proof(2, inclusion_proof(2, 5, nodes), NOTE)


@pytest.mark.parametrize(("note", "key"), [(EXAMPLE, EXAMPLE_KEY), (PETER, PETER_KEY)])
def test_it_takes_the_notes_that_others_published(note, key):
    name, kind, public = read_verifier_key(key)
    assert kind == notes.ED25519
    check_note(read_note(note.encode()), name, public)
    with pytest.raises(BadSignature):
        check_note(read_note(note.replace("is", "is not", 1).encode()), name, public)


def test_it_reads_the_published_checkpoint_with_a_cosignature():
    note = read_note(COSIGNED.encode())
    checkpoint = read_checkpoint(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == note.text
    assert [line.name for line in note.signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    assert int.from_bytes(note.signatures[1].payload[:8], "big") == 1679315147


def test_a_key_is_written_as_the_text_says():
    public = public_of(SEED)
    assert key_id(ORIGIN, public) == sha256(ORIGIN.encode() + b"\n\x01" + public).digest()[:4]
    for kind in (notes.ED25519, COSIGNATURE):
        assert read_verifier_key(verifier_key(ORIGIN, public, kind)) == (ORIGIN, kind, public)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo",
        EXAMPLE_KEY + "\n",
        EXAMPLE_KEY.replace("530d903a", "530D903A"),
        EXAMPLE_KEY.replace("530d903a", "530d903b"),
        EXAMPLE_KEY.replace("foo", "bar"),
        EXAMPLE_KEY[:-4],
        verifier_key("", public_of(SEED)),
        verifier_key("a name", public_of(SEED)),
        verifier_key("name\x01", public_of(SEED)),
        verifier_key("name", bytes(1312), 6),
    ],
)
def test_a_key_in_another_spelling_is_refused(text):
    with pytest.raises(BadNote):
        read_verifier_key(text)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        TEXT.encode(),
        NOTE.encode()[:-1],
        NOTE.encode() + b"\n",
        NOTE.replace("— ", "- ").encode(),
        NOTE.replace("\n", "\r\n").encode(),
        NOTE.replace("admin\n", "admin\x00\n", 1).encode(),
        NOTE.replace("admin Li", "admin\x01 Li").replace(f"— {ORIGIN}", f"— {ORIGIN}\x01").encode(),
        NOTE.replace(f"— {ORIGIN}", "— ").encode(),
        NOTE.replace(f"— {ORIGIN}", f"— {ORIGIN}\u2003x").encode(),
        NOTE.encode() + b"\xff\n",
        f"{TEXT}\n— {ORIGIN} AAAA\n".encode(),
        (f"{TEXT}\n" + f"— {ORIGIN} {base64.b64encode(bytes(5000)).decode()}\n" * 20).encode(),
    ],
)
def test_what_is_no_note_is_refused(raw):
    with pytest.raises(BadNote):
        read_note(raw)


def test_a_note_is_signed_by_its_own_key_and_name_only():
    note = read_note(NOTE.encode())
    check_note(note, ORIGIN, public_of(SEED))
    for name, public in ((ORIGIN, public_of(OTHER)), (WITNESS, public_of(SEED))):
        with pytest.raises(BadSignature):
            check_note(note, name, public)


def test_a_line_of_ours_that_does_not_hold_spoils_the_note():
    bad = base64.b64encode(key_id(ORIGIN, public_of(SEED)) + bytes(64)).decode()
    note = read_note(with_signatures(NOTE, [f"— {ORIGIN} {bad}\n"]).encode())
    with pytest.raises(BadSignature):
        check_note(note, ORIGIN, public_of(SEED))
    check_note(read_note(with_signatures(NOTE, [NOTE.split("\n\n")[1]]).encode()), ORIGIN, public_of(SEED))


def test_lines_of_sixteen_others_of_any_kind_are_left_alone():
    others = [f"— other.example/{n} {base64.b64encode(bytes(5000)).decode()}\n" for n in range(16)]
    check_note(read_note(with_signatures(NOTE, others).encode()), ORIGIN, public_of(SEED))


def test_a_witness_says_when():
    note = read_note(with_signatures(NOTE, [cosign(TEXT, WITNESS, OTHER, 1_795_000_000)]).encode())
    assert check_cosignature(note, WITNESS, public_of(OTHER)) == 1_795_000_000
    check_note(note, ORIGIN, public_of(SEED))
    for name, public in ((WITNESS, public_of(SEED)), (ORIGIN, public_of(OTHER))):
        with pytest.raises(BadSignature):
            check_cosignature(note, name, public)


@pytest.mark.parametrize("seconds", [0, 2**63])
def test_a_witness_without_a_time_is_refused(seconds):
    note = read_note(with_signatures(NOTE, [cosign(TEXT, WITNESS, OTHER, seconds)]).encode())
    with pytest.raises(BadSignature):
        check_cosignature(note, WITNESS, public_of(OTHER))


def test_a_witness_cannot_be_quoted_at_another_time_or_as_the_log():
    line = cosign(TEXT, WITNESS, OTHER, 7)
    blob = bytearray(base64.b64decode(line.split(" ")[2]))
    blob[11] ^= 1
    moved = f"— {WITNESS} {base64.b64encode(blob).decode()}\n"
    note = read_note(with_signatures(NOTE, [moved]).encode())
    with pytest.raises(BadSignature):
        check_cosignature(note, WITNESS, public_of(OTHER))
    with pytest.raises(BadSignature):
        check_note(read_note(f"{TEXT}\n{line}".encode()), WITNESS, public_of(OTHER))


@pytest.mark.parametrize(
    "text",
    [
        "origin\n5\n",
        "\n5\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n05\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n-5\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n٥\n" + base64.b64encode(bytes(32)).decode() + "\n",
        f"origin\n{2**63}\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "origin\n5\n" + base64.b64encode(bytes(31)).decode() + "\n",
        "origin\n5\n" + base64.b64encode(bytes(32)).decode().rstrip("=") + "\n",
        "origin\n5\n" + base64.b64encode(bytes(32)).decode(),
        "origin\n5\n" + base64.b64encode(bytes(32)).decode() + "\n\nextension\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(BadNote):
        read_checkpoint(text)


def test_an_extension_line_is_no_matter():
    assert read_checkpoint(TEXT + "extension\n").size == 5
    assert read_checkpoint(f"origin\n0\n{base64.b64encode(EMPTY_ROOT).decode()}\n").root == EMPTY_ROOT


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\x01b"])
def test_nothing_is_signed_by_what_is_no_name(name):
    with pytest.raises(BadNote):
        sign_note(TEXT, name, SEED)


def test_a_proof_reads_as_the_text_says_and_holds():
    lines = PROOF.split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 2"]
    assert base64.b64decode(lines[2]) == LEAVES[3]
    assert PROOF.endswith("\n\n" + NOTE)
    assert check_proof(read_proof(PROOF.encode()), LEAVES[2], ORIGIN, public_of(SEED)).size == 5
    extra = PROOF.replace("index", "extra AAAA\nindex", 1)
    assert read_proof(extra.encode()) == read_proof(PROOF.encode())


@pytest.mark.parametrize(
    ("leaf", "origin", "seed", "note", "fault"),
    [
        (LEAVES[3], ORIGIN, SEED, NOTE, BadProof),
        (LEAVES[2], WITNESS, SEED, NOTE, BadSignature),
        (LEAVES[2], ORIGIN, OTHER, NOTE, BadSignature),
        (LEAVES[2], ORIGIN, SEED, sign_note(TEXT.replace("\n5\n", "\n4\n"), ORIGIN, SEED), BadProof),
        (LEAVES[2], ORIGIN, SEED, NOTE.replace("\n5\n", "\n6\n"), BadSignature),
        (LEAVES[2], ORIGIN, SEED, NOTE.replace("/admin\n", "/access\n", 1), BadSignature),
        (LEAVES[2], ORIGIN, SEED, sign_note("no checkpoint\n", ORIGIN, SEED), BadNote),
    ],
)
def test_a_proof_with_anything_wrong_is_refused(leaf, origin, seed, note, fault):
    proof = read_proof(write_proof(2, inclusion_proof(2, 5, nodes), note).encode())
    with pytest.raises(fault):
        check_proof(proof, leaf, origin, public_of(seed))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        NOTE.encode(),
        PROOF.replace("@v1", "@v2").encode(),
        PROOF.replace("index 2", "index 02").encode(),
        PROOF.replace("index 2", "index").encode(),
        PROOF.replace("index 2\n", "").encode(),
        PROOF.replace("index 2", "extra !\nindex 2").encode(),
        PROOF.replace("index 2", f"index {2**63}").encode(),
        PROOF.replace("index 2", "index 2\nAAAA").encode(),
        PROOF.replace("index 2", "index 2" + "\n" + "\n".join([base64.b64encode(bytes(32)).decode()] * 63)).encode(),
        PROOF.replace("\n\n", "\n", 1).encode(),
        PROOF.replace("index", "indéx").encode(),
        PROOF.encode()[:-1],
        b"x" * 200_000,
    ],
)
def test_what_is_no_proof_is_refused(raw):
    with pytest.raises(BadNote):
        read_proof(raw)


def test_a_submission_is_read_as_it_was_written():
    path = [node_hash(b"a" * 32, b"b" * 32)]
    submission = read_submission(write_submission(3, path, NOTE).encode())
    assert (submission.old, submission.path) == (3, tuple(path))
    check_note(submission.note, ORIGIN, public_of(SEED))
    assert read_submission(write_submission(0, [], NOTE).encode()).path == ()


@pytest.mark.parametrize("line", ["old", "old 01", "old -1", "new 1", "old 1 ", "old 1\nAAAA"])
def test_what_is_no_submission_is_refused(line):
    with pytest.raises(BadNote):
        read_submission(f"{line}\n\n{NOTE}".encode())


def test_what_is_signed_as_text_is_exactly_the_text():
    note = read_note(NOTE.encode())
    assert note.signatures[0].payload == sign(SEED, TEXT.encode())
