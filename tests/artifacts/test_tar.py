"""Hostile archives, without a database: each is refused, and nothing of it is given away before."""

import gzip
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from artifacts.actions import contents as rules
from artifacts.actions import tar as reading
from artifacts.actions.contents import Contents, type_of
from artifacts.actions.tar import ArchiveTooLarge, NotAnArchive, RefusedMember, TarReader
from hq.lib.errors import Problem
from tests.artifacts.tars import SITE, entry, in_pieces, packed, tar


def read(data: bytes, size: int = 700) -> dict[str, bytes]:
    """What would be published."""
    found, contents = {}, Contents()
    reader = TarReader(in_pieces(data, size))
    for member in reader:
        if member.folder:
            contents.folder(member.name)
        else:
            found[contents.claim(member.name, member.size)] = b"".join(reader.pieces())
    return found


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("size", [1, 511, 512, 100_000])
def test_it_reads_what_tar_writes(kind: int, mode: str, size: int):
    assert read(tar(SITE, mode=mode, kind=kind), size) == SITE


def test_it_reads_folders_dots_and_names_of_any_length():
    long, nested = "x" * 200 + ".html", "/".join(["folder"] * 20) + "/" + "y" * 120
    files = [entry("./index.html", b"1"), entry(f"./{long}", b"2"), entry(nested, b"3"), entry("./é.html", b"4")]
    folders = [entry("./", type=tarfile.DIRTYPE), entry("./docs", type=tarfile.DIRTYPE)]

    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        found = read(packed([*folders, *files], kind=kind))
        assert found == {"index.html": b"1", long: b"2", nested: b"3", "é.html": b"4"}


def test_several_gzips_in_a_row_are_one():
    data = tar(SITE)
    assert read(gzip.compress(data[:1000]) + gzip.compress(data[1000:]) + bytes(512)) == SITE


LINK: dict[str, Any] = {"linkname": "/etc/passwd"}
DEVICE: dict[str, Any] = {"devmajor": 1, "devminor": 3}
MEMBERS = {
    "absolute": [entry("/etc/passwd", b"x")],
    "above": [entry("../x", b"x")],
    "above, deep": [entry("a/../../x", b"x")],
    "above, after a dot": [entry("./../x", b"x")],
    "escaped above": [entry("%2e%2e/x", b"x")],
    "backslash": [entry("a\\..\\x", b"x")],
    "drive": [entry("C:/x", b"x")],
    "empty name": [entry("a//b", b"x")],
    "control": [entry("a\nb", b"x")],
    "direction mark": [entry("a\u202eb.html", b"x")],
    "device name": [entry("con.html", b"x")],
    "escape in a name": [entry("a%41.html", b"x")],
    "where the edge's pages are": [entry("_HQ/open", b"x")],
    "symbolic link": [entry("a", type=tarfile.SYMTYPE, **LINK)],
    "hard link": [entry("a", type=tarfile.LNKTYPE, **LINK)],
    "character device": [entry("a", type=tarfile.CHRTYPE, **DEVICE)],
    "block device": [entry("a", type=tarfile.BLKTYPE, **DEVICE)],
    "named pipe": [entry("a", type=tarfile.FIFOTYPE)],
    "sparse file": [entry("a", b"x", type=b"S")],
    "unknown kind": [entry("a", b"x", type=b"Z")],
    "twice": [entry("a", b"1"), entry("a", b"2")],
    "twice, by a dot": [entry("a", b"1"), entry("./a", b"2")],
    "case": [entry("A.html", b"1"), entry("a.html", b"2")],
    "case of a folder": [entry("A/x", b"1"), entry("a/y", b"2")],
    "composed and not": [entry("\u00e9", b"1"), entry("e\u0301", b"2")],
    "ligature": [entry("\ufb01le", b"1"), entry("file", b"2")],
    "sharp s": [entry("stra\u00dfe", b"1"), entry("strasse", b"2")],
    "file and folder": [entry("a", b"1"), entry("a/b", b"2")],
    "folder and file": [entry("a/b", b"1"), entry("A", b"2")],
    "too deep": [entry("/".join("a" * 33), b"x")],
    "credentials": [entry(".env", b"x")],
    "version control": [entry(".git/config", b"x")],
    "a folder above": [entry("../x", type=tarfile.DIRTYPE)],
    "link by a record": [entry("a", b"x", pax_headers={"linkpath": "/etc/passwd"})],
    "above by a record": [entry("a", b"x", pax_headers={"path": "../x"})],
}


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_hostile_member_is_refused(name: str, kind: int):
    if kind == tarfile.GNU_FORMAT and "by a record" in name:
        kind = tarfile.PAX_FORMAT
    with pytest.raises(RefusedMember):
        read(packed(MEMBERS[name], kind=kind))


def changed(data: bytes, at: int, by: bytes) -> bytes:
    return data[:at] + by + data[at + len(by) :]


ARCHIVE = tar({"a": b"x" * 600})
DAMAGED = {
    "nothing": b"",
    "one byte": b"\x1f",
    "no tar": b"PK\x03\x04" + bytes(2000),
    "a header's sum": changed(ARCHIVE, 0, b"b"),
    "cut in a header": ARCHIVE[:300],
    "cut in a file": ARCHIVE[:700],
    "cut after a file": ARCHIVE[:1536],
    "one block of zeros": ARCHIVE[:1536] + bytes(512),
    "something after the end": ARCHIVE + b"x",
    "gzip, cut": gzip.compress(ARCHIVE)[:-12],
    "gzip, damaged": changed(gzip.compress(ARCHIVE), 40, b"\xff\xff\xff"),
    "gzip of no tar": gzip.compress(b"hello"),
    "gzip in gzip": gzip.compress(gzip.compress(ARCHIVE)),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_no_whole_archive_is_refused(name: str):
    with pytest.raises(NotAnArchive):
        read(DAMAGED[name])


def header(size: bytes, kind: bytes = b"0") -> bytes:
    """A header that says any size."""
    block = bytearray(tarfile.TarInfo("a").tobuf(tarfile.USTAR_FORMAT))
    block[124:136], block[156:157], block[148:156] = size, kind, b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


@pytest.mark.parametrize(
    "size",
    [b"\x80" + (1 << 62).to_bytes(11, "big"), b"77777777777\0", b"\xff" * 12, b"-0000000001\0", b"0x000000010\0"],
)
def test_a_size_is_believed_of_no_header(size: bytes):
    with pytest.raises(Problem):
        read(header(size) + bytes(2048))


@pytest.mark.parametrize("kind", [b"L", b"x", b"g"])
def test_a_name_cannot_fill_the_memory(kind: bytes):
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        yield header(b"10000000000\0", kind)
        while True:
            given += 512
            yield bytes(512)

    with pytest.raises(NotAnArchive):
        next(iter(TarReader(endless())))
    assert given < 200_000


def test_a_bomb_by_ratio_ends_early():
    given = 0
    bomb = gzip.compress(header(b"77777777777\0") + bytes(80 * 1024 * 1024))
    reader = TarReader(in_pieces(bomb, 4096))
    next(iter(reader))

    def read_on() -> None:
        nonlocal given
        for piece in reader.pieces():
            given += len(piece)

    with pytest.raises(ArchiveTooLarge):
        read_on()
    assert given < 40 * 1024 * 1024


@pytest.mark.parametrize("what", ["comments", "zeros", "nothing, folded again and again"])
def test_what_is_no_file_does_not_go_on_for_ever(what: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "WHOLE_MOST", 100_000)
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        one = {"comments": header(b"00000000000\0", b"g"), "zeros": bytes(1024)}.get(what, gzip.compress(b""))
        while given < 1_000_000:
            given += len(one)
            yield one

    with pytest.raises(ArchiveTooLarge):
        next(iter(TarReader(endless())), None)
    assert given < 110_000


def test_a_bomb_by_count_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "FILES_MOST", 3)
    assert len(read(tar(dict.fromkeys("abc", b"")))) == 3
    with pytest.raises(ArchiveTooLarge, match="at most 3 files"):
        read(tar(dict.fromkeys("abcd", b"")))


def test_folders_count_as_well(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "FILES_MOST", 3)
    monkeypatch.setattr(rules, "FOLDERS_MOST", 3)
    with pytest.raises(ArchiveTooLarge):
        read(packed([entry(name, type=tarfile.DIRTYPE) for name in "abcdefg"]))


def test_a_bomb_by_size_is_refused_before_its_bytes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "BYTES_MOST", 1000)
    assert read(tar({"a": bytes(500), "b": bytes(500)}))
    with pytest.raises(ArchiveTooLarge):
        read(tar({"a": bytes(500), "b": bytes(501)}))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/index.HTML", "text/html; charset=utf-8"),
        ("picture.svg", "image/svg+xml"),
        ("html", "application/octet-stream"),
        ("page.html.bak", "application/octet-stream"),
        ("run.exe", "application/octet-stream"),
        ("page.xhtml", "application/octet-stream"),
    ],
)
def test_the_name_alone_decides_the_type(path: str, kind: str):
    assert type_of(path) == kind
