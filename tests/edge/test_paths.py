"""From a path to names of files, without a database."""

import pytest

from edge import hosts, paths
from tests.edge.asking import HOST

PORT = HOST.partition(":")[2]


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


# Every worker's edge has a port of its own, so its host is filled in only when a test runs.
@pytest.mark.parametrize("host", ["site.edge.localhost:PORT", "SITE.EDGE.LOCALHOST:PORT"])
def test_a_host_below_the_edges_has_a_label(host: str):
    assert hosts.label_of(host.replace("PORT", PORT)) == "site"


@pytest.mark.parametrize(
    "host",
    [
        "edge.localhost:PORT",
        ".edge.localhost:PORT",
        "a.b.edge.localhost:PORT",
        "-a.edge.localhost:PORT",
        "site.edge.localhost:PORT.evil.example",
        "site.edgexlocalhost:PORT",
        "site.edge.localhost:1",
        "site.edge.localhost",
        "site.edge.localhost:PORT/",
        "evil@site.edge.localhost:PORT",
        "localhost",
        "127.0.0.1",
        "",
        "x" * 64 + ".edge.localhost:PORT",
    ],
)
def test_any_other_host_is_nobodys(host: str):
    assert hosts.label_of(host.replace("PORT", PORT)) is None
