"""Streams that are sealed to a public key of age, opened by another implementation of it."""

import io
import os

import pyrage
import pytest

from hq.crypto.age import CHUNK_BYTES, SealingStream

NOTHING = (
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z"  # the point 0: whatever it is asked, it says 0
)


def sealed(content: bytes, step: int, recipient: str) -> bytes:
    file = io.BytesIO()
    sealing = SealingStream(file, recipient)
    for start in range(0, len(content), step):
        sealing.write(content[start : start + step])
    sealing.finish()
    return file.getvalue()


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 200_000])
@pytest.mark.parametrize("step", [512, CHUNK_BYTES, 1_000_000])
def test_it_opens_whatever_its_size_and_however_it_was_written(size: int, step: int) -> None:
    identity, content = pyrage.x25519.Identity.generate(), os.urandom(size)
    assert pyrage.decrypt(sealed(content, step, str(identity.to_public())), [identity]) == content


def test_it_opens_to_nobody_else_and_no_two_are_alike() -> None:
    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    one, other = sealed(b"text", 4, recipient), sealed(b"text", 4, recipient)
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(one, [pyrage.x25519.Identity.generate()])
    assert one.split(b"\n---")[0].split()[-1] != other.split(b"\n---")[0].split()[-1], "each has a key of its own"
    assert one[-20:] != other[-20:]


def test_a_key_to_which_nothing_is_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="shared key"):
        SealingStream(io.BytesIO(), NOTHING)


def test_a_file_that_takes_no_more_ends_it() -> None:
    class Full:
        def write(self, data: memoryview) -> int:
            return 0

    with pytest.raises(OSError, match="accepted no more"):
        SealingStream(Full(), str(pyrage.x25519.Identity.generate().to_public()))
