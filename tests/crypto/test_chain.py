import hashlib

import pytest

from hq.crypto.chain import GENESIS, commitment, link, link_digest

DOCUMENTS = [b'{"n":1}', b'{"n":2}', b"", b'{"n":4}']


def _head(documents: list[bytes]) -> bytes:
    head = GENESIS
    for document in documents:
        head = link(head, document)
    return head


def test_it_begins_with_32_zero_bytes():
    assert bytes(32) == GENESIS


def test_it_links_the_bytes_that_its_docstring_tells():
    previous, document = b"\x07" * 32, b'{"n":1}'
    written = "hq-audit-link-v1".encode("ascii") + b"\x00" + previous + hashlib.sha256(document).digest()
    assert link(previous, document) == hashlib.sha256(written).digest()
    assert link_digest(previous, hashlib.sha256(document).digest()) == link(previous, document)


def test_it_commits_to_the_bytes_that_its_docstring_tells():
    salt, detail = b"\x01" * 32, b'{"name":"Ada"}'
    written = "hq-audit-detail-v1".encode("ascii") + b"\x00" + salt + detail
    assert commitment(salt, detail) == hashlib.sha256(written).digest()


def test_it_has_a_fixed_first_link():
    # Never changes: trails that exist were written with it.
    assert link(GENESIS, b"{}").hex() == "28d6b73285e4737d09ec4f768cf8ef873b1fd2fc58c973f90a96788e0aad859e"
    assert commitment(bytes(32), b"{}").hex() == "e21f53d54b084bb79acc92c38f36a80523bb97ba0a0c8aa51152bddf47224947"


@pytest.mark.parametrize(
    "changed",
    [
        [DOCUMENTS[0], b'{"n":3}', *DOCUMENTS[2:]],
        [DOCUMENTS[1], DOCUMENTS[0], *DOCUMENTS[2:]],
        DOCUMENTS[1:],
        DOCUMENTS[:-1],
        DOCUMENTS[:2] + DOCUMENTS[3:],
        [*DOCUMENTS, b""],
        [b"", *DOCUMENTS],
        [b'{"n":1}{"n":2}', *DOCUMENTS[2:]],
    ],
)
def test_it_has_another_head_after_any_change(changed):
    assert _head(changed) != _head(DOCUMENTS)


def test_it_never_confuses_a_link_with_a_commitment():
    previous, document = b"\x07" * 32, b"text"
    assert link(previous, document) != commitment(previous, hashlib.sha256(document).digest())


def test_it_hides_an_equal_detail_behind_another_salt():
    assert commitment(b"\x01" * 32, b"x") != commitment(b"\x02" * 32, b"x")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_it_refuses_parts_of_another_length(length):
    with pytest.raises(ValueError):
        link(bytes(length), b"")
    with pytest.raises(ValueError):
        link_digest(GENESIS, bytes(length))
    with pytest.raises(ValueError):
        commitment(bytes(length), b"")
