import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hq.lib import paths
from hq.lib.errors import Invalid
from hq.lib.paths import InvalidPath, clean_path, clean_prefix, clean_stored_path

GOOD = [
    "a",
    "a/b.txt",
    "reports/2026 Q3 (final).pdf",
    "a..b",
    "..hidden/x",
    ".gitignore",
    ".github/workflows/ci.yml",
    "git/HEAD",
    "emoji \U0001f469\u200d\U0001f4bb/\U0001f3f4\U000e0067\U000e0062\U000e007f.png",
    "\u6587\u66f8/\u5831\u544a\u66f8.pdf",
    "\u0646\u0627\u0645\u0647\u200c\u0647\u0627/\u0641\u0627\u06cc\u0644",
    "\u0423\u0447\u0435\u0442/\u0438\u0442\u043e\u0433.xlsx",
    "100%.txt",
    "50%25",
    "100% sure",
    "a%2etxt",
    "rate %20 of 5.csv",
    "~/notes",
    "$HOME/x",
    "10:30 minutes.md",
    'quote"<>|?*.txt',
    "console.log",
    "contract.pdf",
    "com10.txt",
    "nullable.sql",
    "auxiliary/x",
    "a" * 255,
    "\u00e9" * 127,
    "/".join(["a"] * 32),
    "/".join(["a" * 127] * 8),
    "a\u3000b",
    "-rf",
    "a;b&c=d#e",
    "\uff0f\uff0f",
]

HOSTILE = {
    "empty": ["", "/", "//", "a//b", "a/", "/a", "//server/share", "a/b//"],
    "dots": [
        ".",
        "..",
        "../a",
        "a/..",
        "a/../b",
        "./a",
        "a/.",
        "a/./b",
        "...",
        "a/...",
        "..../x",
        "\uff0e\uff0e/a",
        "\u2025/a",
        "a/\u2024\u2024/b",
    ],
    "encoded": [
        "%2e%2e/a",
        "a/%2E%2E/b",
        "%2e/a",
        "..%2fa",
        "a%2fb",
        "a%2F",
        "%2fa",
        "%5c..%5c",
        "a%5cb",
        "a%00.txt",
        "a%0ab",
        "a%7f",
        "%e2%80%aea",
        "%c0%ae%c0%ae/a",
        "a%c0%afb",
        "a%e0%80%afb",
        "%f0%80%80%ae/a",
        "a%ff",
        "a%ed%a0%80",
        "nul%2etxt",
        "%43%3a/x",
        "c%3a",
        "a%2e",
        "%20a",
        "a%20",
        "a%c2%85",
    ],
    "twice encoded": [
        "%252e%252e/a",
        "..%252fa",
        "a%255cb",
        "a%2500",
        "a%25252fb",
        "%25252e%25252e",
        "%2525252525252e/../a",
    ],
    "escaped without end": ["%" + "25" * 9 + "41", "%" + "25" * 400 + "2f"],
    "drives": ["C:", "c:/x", "C:\\x", "C:x", "a/D:/b", "Z:"],
    "backslashes": ["a\\b", "\\", "..\\a", "\\\\server\\share", "\\\\?\\C:\\x", "a\\..\\b"],
    "ends": ["a.", "a ", "a. ", "a .", "a./b", "a /b", " a", "a/ b", "a\u00a0", "\u3000a", "a/ ", "\t", "a/b\u2003"],
    "controls": ["a\x00b", "a\nb", "a\rb", "a\tb", "\x1b[31m", "a\x7f", "a\x85b", "a\x9f", "\x00"],
    "directions": ["a\u202etxt.exe", "\u202a", "a\u2066b", "a\u2069", "a\u200eb", "a\u200fb", "\u061ca"],
    "separators": ["a\u2028b", "a\u2029b"],
    "no width": ["a\u200bb", "\ufeffa", "a\u2060b", "a\u00adb", "a\u180eb", "a\ufff9b"],
    "no characters": ["a\ud800", "\udfff", "\ufffe", "a\uffffb", "\ufdd0", "a\U0001fffeb", "\U0010ffff"],
    "devices": [
        "con",
        "CON",
        "a/NUL",
        "nul.txt",
        "aux.tar.gz",
        "Prn",
        "com1",
        "LPT9.log",
        "COM\u00b9",
        "lpt\u00b3.x",
        "con .txt",
        "CONIN$",
        "conout$.txt",
        "clock$",
        "com0",
        "nul:",
    ],
    "long": [
        "a" * 256,
        "\u00e9" * 128,
        "\U0001f600" * 64,
        "/".join(["a"] * 33),
        "/".join(["a" * 128] * 8),
        "a" * 1025,
        "a/" * 100_000,
        "e\u0301" * 128,
    ],
}


@pytest.mark.parametrize("path", GOOD)
def test_it_keeps_a_good_path_as_it_is(path):
    assert clean_path(path) == path


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, paths in HOSTILE.items() for path in paths])
def test_it_refuses_a_hostile_path_in_a_sentence(kind, path):
    with pytest.raises(InvalidPath) as refused:
        clean_path(path)
    sentence = str(refused.value)
    assert sentence.startswith("The path ")
    assert sentence.endswith(".")
    assert sentence.isprintable()
    with pytest.raises(Invalid):
        clean_stored_path(path)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("", "The path is empty."),
        ("/a", "The path begins with a slash."),
        ("a//b", "The path has an empty name between two slashes, or ends with a slash."),
        ("a/..", "The path has a name that is only dots."),
        ("a%2fb", "The path hides a slash in an escape."),
        ("%" + "25" * 40 + "2f", "The path is escaped too many times."),
        ("a\\b", "The path has a backslash."),
        ("C:", "The path has a Windows drive letter."),
        ("a.", "The path has a name that ends with a dot."),
        ("a ", "The path has a name that begins or ends with a space."),
        ("nul", "The path has a name that Windows keeps for a device."),
        ("a\x00", "The path has a control or invisible character."),
        ("a" * 256, "The path has a name that is longer than 255 bytes."),
        ("/".join(["a" * 128] * 8), "The path is longer than 1024 bytes."),
        ("a" * 5000, "The path is longer than 1024 bytes."),
        ("/".join(["a"] * 33), "The path has more than 32 levels."),
    ],
)
def test_it_names_what_is_wrong(path, sentence):
    with pytest.raises(InvalidPath) as refused:
        clean_path(path)
    assert str(refused.value) == sentence


def test_it_does_no_work_on_what_is_much_too_long(monkeypatch):
    monkeypatch.setattr(paths, "unicodedata", None)
    with pytest.raises(InvalidPath):
        clean_path("a" * 5000)


def test_it_gives_both_spellings_of_an_accent_the_same_path():
    assert clean_path("cafe\u0301/re\u0301sume\u0301.pdf") == "caf\u00e9/r\u00e9sum\u00e9.pdf"
    assert clean_prefix("cafe\u0301/") == "caf\u00e9/"


@given(st.text(st.sampled_from("ab./\\% 25eEfF0:~\u00e9e\u0301\u202e\ud800\uff0e") | st.characters(), max_size=40))
def test_it_gives_only_paths_that_stay_the_same_and_below_the_root(raw):
    try:
        path = clean_stored_path(raw)
    except InvalidPath:
        return
    assert clean_stored_path(path) == path
    assert unicodedata.is_normalized("NFC", path)
    names = path.split("/")
    assert all(name and name.strip(".") and name == name.strip() and not name.endswith(".") for name in names)
    assert "\\" not in path
    assert len(path.encode()) <= 1024
    for end in range(len(path) + 1):
        if path[:end].rpartition("/")[2] != "..":
            assert path.startswith(clean_prefix(path[:end]))


@pytest.mark.parametrize(
    "prefix", ["", "a", "a/", "a/b", "a/.", "a/b.", "a/b ", "con", "a/nul", "docs/re", ".g", "50%", "50%2"]
)
def test_it_keeps_a_good_prefix_as_it_is(prefix):
    assert clean_prefix(prefix) == prefix


@pytest.mark.parametrize(
    "prefix",
    [
        "/",
        "//",
        "a//",
        "/a",
        "../",
        "a/../",
        "..",
        "a/..",
        "./",
        "a/./b",
        "a\\",
        "C:",
        "a\x00",
        "a%2fb",
        "%2e%2e/",
        "..%2f",
        "a./b",
        "%252e%252e/",
        "a\u202e",
        "nul/",
        "a /b",
        "a" * 256,
        "a/" * 600,
        "\ud800",
    ],
)
def test_it_refuses_a_prefix_that_no_path_begins_with(prefix):
    with pytest.raises(InvalidPath):
        clean_prefix(prefix)
