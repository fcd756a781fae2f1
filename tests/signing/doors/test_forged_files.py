"""Files that claim more than a ZIP can say: the verifier names what is wrong, and does not fall over."""

import struct

import pytest

from tests.verify.program import run

ENTRY = struct.Struct("<4s5H3I2H")


def entry(name: bytes, content: bytes = b"", claims: int | None = None) -> bytes:
    size = len(content) if claims is None else claims
    return ENTRY.pack(b"PK\x03\x04", 20, 0, 0, 0, 0x21, 0, size, size, len(name), 0) + name + content


FILES = {
    "more members than can be counted": entry(b"agreement.pdf") + entry(b"a") * 65_540,
    "a name that grows as it is read": entry(b"agreement.pdf") + entry(b"\xff" * 65_535),
    "a file of 4 GB": entry(b"agreement.pdf", b"%PDF-", claims=0xFFFFFFFF),
    "nothing behind its name": entry(b"agreement.pdf"),
}


@pytest.mark.parametrize("what", FILES)
def test_what_no_zip_can_say_is_refused_by_name(tmp_path, what):
    path = tmp_path / "bundle.zip"
    path.write_bytes(FILES[what])
    done = run(path)
    assert done.returncode == 1
    assert "REFUSED. It is not packed as HQ packs it, from byte" in done.stdout
    assert done.stderr == ""
