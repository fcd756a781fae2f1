"""From a path to names of files, without a database."""

import pytest

from edge import hosts, paths
from tests.edge.asking import HOST


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", ""),
        ("/a/b.html", "a/b.html"),
        ("/docs/", "docs/"),
        ("/caf\u00c3\u00a9", "café"),
        ("/cafe\u00cc\u0081", "café"),  # decomposed, as some systems write it
        ("/.well-known/x", ".well-known/x"),
        ("/100%", "100%"),
    ],
)
def test_a_path_has_one_name(path: str, name: str):
    assert paths.name_of(path) == name


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd",
        "/a/../b",
        "/a/./b",
        "/..",
        "/.",
        "//a",
        "/a//b",
        "/a\\b",
        "/%2e%2e/a",  # escaped twice
        "/a%2fb",
        "/a%5Cb",
        "/a\x00.html",
        "/a\r\nb",
        "/\xff",
        "/\xc0\xae\xc0\xae/a",
        "/" + "a" * 1025,
        "",
        "a",
        "http://elsewhere/",
    ],
)
def test_what_can_be_read_in_two_ways_names_nothing(path: str):
    assert paths.name_of(path) is None


def test_a_clean_address_finds_its_page_and_a_folder_its_index():
    assert paths.candidates("about") == ["about", "about.html", "about/index.html"]
    assert paths.candidates("docs/") == ["docs/index.html"]
    assert paths.candidates("") == ["index.html"]


@pytest.mark.parametrize("host", [f"site.{HOST}", f"SITE.{HOST.upper()}"])
def test_a_host_below_the_edges_has_a_label(host: str):
    assert hosts.label_of(host) == "site"


@pytest.mark.parametrize(
    "host",
    [
        HOST,
        f".{HOST}",
        f"a.b.{HOST}",
        f"-a.{HOST}",
        f"site.{HOST}.evil.example",
        f"site.{HOST.replace('.', 'x')}",
        f"site.{HOST.partition(':')[0]}:1",
        f"site.{HOST.partition(':')[0]}",
        f"site.{HOST}/",
        f"evil@site.{HOST}",
        "localhost",
        "127.0.0.1",
        "",
        "x" * 300 + f".{HOST}",
    ],
)
def test_any_other_host_is_nobodys(host: str):
    assert hosts.label_of(host) is None
