"""Stylesheets are put together when static files are collected: one a page, and compressed."""

import gzip
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.templatetags.static import static
from django.test import Client

from hq.embedded.layout import ROOT
from hq.web.bundles import BOOTSTRAP, BUNDLES, KEPT, STATIC, bundle, thinned

TAG = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
QUOTED = re.compile(r'"([^"]*)"')
NAMED = (
    re.compile(r'class="((?:\{%.*?%\}|\{\{.*?\}\}|[^"])*)"', re.DOTALL),  # of a template, or of markup in a script
    re.compile(r'(?:className|classList)[^;]*?"([^"]*)"'),
    re.compile(r'"class": "([^"]*)"'),
)


def _named() -> set[str]:
    """Each word that a template, a script or a widget writes where a class stands."""
    told = subprocess.run(["git", "ls-files", "*.html", "*.py", "*.js"], cwd=ROOT, capture_output=True, check=True)
    paths = [path for path in told.stdout.decode().splitlines() if not path.startswith(("tests/", "static/vendor/"))]
    found = set[str]()
    for text in (Path(ROOT, path).read_text() for path in paths if Path(ROOT, path).exists()):
        for value in (match for pattern in NAMED for match in pattern.findall(text)):
            spoken = TAG.sub(lambda tag: " ".join(QUOTED.findall(tag[0])), value)
            found.update(re.findall(r"[\w-]+", spoken))
    return found


def test_each_class_of_bootstrap_that_is_named_is_kept_and_no_other():
    of_bootstrap = set(re.findall(r"\.(-?[A-Za-z_][\w-]*)", (STATIC / BOOTSTRAP).read_text()))
    assert _named() & of_bootstrap == KEPT


@pytest.mark.parametrize(
    ("sheet", "left"),
    [
        ("a{b:c}", "a{b:c}"),
        (".no{b:c}.btn{d:e}", ".btn{d:e}"),
        (".btn,.no{b:c}", ".btn{b:c}"),
        (".btn-check:checked+.btn{b:c}", ""),
        (":not(.btn-check)+.btn:active{b:c}", ":not(.btn-check)+.btn:active{b:c}"),
        (":is(.btn,.no) a,p{b:c}", "p{b:c}"),
        ("@media (width>1px){.no{b:c}.btn{d:e}}", "@media (width>1px){.btn{d:e}}"),
        ("@media (width>1px){.no{b:c}}", ""),
        ("@font-face{b:c}@keyframes no{to{b:c}}", "@font-face{b:c}"),
        ('@charset "UTF-8";/* a{b:c} */a{d:e}', "a{d:e}"),
    ],
)
def test_rules_for_classes_nobody_names_are_left_out(sheet, left):
    assert thinned(sheet, ["btn"]) == left


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_is_served_whole_compressed_and_under_the_name_of_what_it_holds(name):
    answer: Any = Client().get(static(name), headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    sheet = gzip.decompress(b"".join(answer.streaming_content)).decode()
    assert re.sub(r'url\("[^"]*"\)', "", sheet) == re.sub(r'url\("[^"]*"\)', "", bundle(name))
    linked = re.findall(r'url\("([^"d][^"]*)"\)', sheet)
    assert linked
    for one in linked:
        path = (Path("/static/hq") / one).as_posix().replace("hq/../", "")
        assert Client().get(path).status_code == 200, one
