"""Stylesheets put together when static files are collected: one request a page, and of Bootstrap what HQ uses.

Each page asks for one sheet: each one more costs a slow line a round trip before the first word is shown. The parts
stay files of their own, which people change; no toolchain of another language is needed. They lie in one folder,
so addresses within them (`../vendor/plex/…`) are right in the whole as well; Bootstrap's own are all `data:`.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

STATIC: Final = Path(__file__).resolve().parents[2] / "static"
BOOTSTRAP: Final = "vendor/bootstrap/bootstrap.min.css"
EVERYWHERE: Final = ("tokens", "base", "buttons", "fields", "surfaces", "panels", "parts", "evidence")
# By the name of what is collected: the sheets in it, in their order, after Bootstrap.
BUNDLES: Final = {
    "hq/all-portal.css": (*EVERYWHERE, "frame", "page", "data", "stack", "charts"),
    "hq/all-public.css": (*EVERYWHERE, "page", "public"),
    "hq/all-signer.css": (*EVERYWHERE, "page", "public", "sign"),
}
# Classes of Bootstrap that templates, widgets and scripts name. A test finds one that is missing here.
KEPT: Final = frozenset(
    {
        "btn",
        "btn-danger",
        "btn-link",
        "btn-outline-secondary",
        "btn-primary",
        "btn-sm",
        "d-block",
        "d-flex",
        "d-none",
        "d-sm-inline",
        "d-sm-none",
        "form-check-input",
        "form-control",
        "form-label",
        "form-select",
        "form-select-sm",
        "gap-2",
        "is-invalid",
        "justify-content-center",
        "list-unstyled",
        "text-decoration-none",
        "text-reset",
        "visually-hidden",
    }
)
GROUPS: Final = ("@media", "@supports", "@layer", "@container")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_EXCEPT = re.compile(r":not\([^()]*\)")
_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_COMMA = re.compile(r",(?![^(]*\))")


class BundlingStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise has no types
    """Collects the bundles beside what there is in files; they too get a name by what they hold, and are compressed."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        if not dry_run:
            for name in BUNDLES:
                self.delete(name)
                self._save(name, ContentFile(bundle(name).encode()))
                paths[name] = (self, name)
        yield from super().post_process(paths, dry_run, **options)


def bundle(name: str) -> str:
    """The text of one of BUNDLES."""
    bootstrap = (STATIC / BOOTSTRAP).read_text()
    licence = bootstrap[bootstrap.index("/*!") : bootstrap.index("*/") + 2]
    parts = [
        licence,
        thinned(bootstrap, KEPT),
        *((STATIC / "hq" / f"{part}.css").read_text() for part in BUNDLES[name]),
    ]
    return "\n".join(parts)


def thinned(sheet: str, classes: Iterable[str]) -> str:
    """A stylesheet without the rules that need a class which is not among these."""
    return "".join(_kept(_COMMENT.sub("", sheet), frozenset(classes)))


def _kept(sheet: str, classes: frozenset[str]) -> Iterator[str]:
    for prelude, body in _rules(sheet):
        if prelude.startswith(GROUPS):
            if inner := "".join(_kept(body, classes)):
                yield f"{prelude}{{{inner}}}"
        elif prelude.startswith("@"):
            if not prelude.startswith("@keyframes"):  # they move what has a class
                yield f"{prelude}{{{body}}}"
        elif selectors := [one for one in _COMMA.split(prelude) if classes.issuperset(_needed(one))]:
            yield f"{','.join(selectors)}{{{body}}}"


def _needed(selector: str) -> list[str]:
    return _CLASS.findall(_EXCEPT.sub("", selector))


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Each rule of the outermost level: what stands before its brace, and what within. Statements are left out."""
    start = opened = depth = 0
    for at, sign in enumerate(sheet):
        if sign == "{":
            depth += 1
            opened = at if depth == 1 else opened
        elif sign == "}":
            depth -= 1
            if depth == 0:
                yield sheet[start:opened].strip(), sheet[opened + 1 : at]
                start = at + 1
        elif sign == ";" and depth == 0:
            start = at + 1
