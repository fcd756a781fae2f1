"""A file of the archive has one spelling of its lines and one stream of gzip, whoever signed it."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from hq.crypto.statements import build
from tests.verify.program import run
from tests.verify.samples import KID, SEED, content
from tests.verify.trails import trail, write_archive


def checked(folder: Path, change: Callable[[bytes], bytes]) -> tuple[int, str]:
    """The one file of an archive changed, and signed as it is then."""
    (digest,) = write_archive(folder, trail(12), [12])
    (path,) = folder.rglob("*.gz")
    raw = change(path.read_bytes())
    path.write_bytes(raw)
    said = {name: value for name, value in content(digest.read_bytes()).items() if name not in {"signed_by", "check"}}
    (listed,) = said["files"]
    listed |= {"sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
    digest.write_bytes(build(said, SEED))
    done = run(folder, "--kid", KID)
    return done.returncode, done.stdout + done.stderr


def lines(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda raw: gzip.compress(change(gzip.decompress(raw)), mtime=0)


def test_a_file_packed_by_another_gzip_holds(tmp_path):
    assert checked(tmp_path, lambda raw: gzip.compress(gzip.decompress(raw), 1, mtime=7))[0] == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw + bytes(10),
        lambda raw: raw + b"x",
        lambda raw: raw + gzip.compress(b""),
        lambda raw: gzip.compress(gzip.decompress(raw)[:500]) + gzip.compress(gzip.decompress(raw)[500:]),
        lambda raw: raw[:3] + b"\x20" + raw[4:],
        lambda raw: raw[:3] + b"\x02" + raw[4:10] + b"\0\0" + raw[10:],
        lambda raw: raw[:-1],
        lambda raw: raw[:5],
    ],
)
def test_more_or_less_than_one_stream_is_no_gzip(tmp_path, change):
    code, said = checked(tmp_path, change)
    assert code == 1
    assert "is no gzip that can be read to its end" in said


def test_a_line_without_its_opening_is_no_entry(tmp_path):
    code, said = checked(tmp_path, lines(lambda raw: raw.replace(b'{"document":', b"", 1)))
    assert code == 1
    assert "line 1: It is not JSON" in said
