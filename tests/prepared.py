"""What every run needs and seldom changes, made once and kept under the hash of what it was made from.

A stopped cluster with everything migrated, and the collected static files. In a checkout of somebody else's, or with a
fresh clone, they are simply made.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from hq.embedded import static_files
from hq.embedded.errors import CannotStart
from hq.embedded.layout import Layout
from hq.embedded.locks import Lock
from hq.embedded.postgres import find_programs
from hq.embedded.services import Services

ROOT = Path(__file__).resolve().parent.parent
KEPT = 3  # of each kind; a developer goes back and forth between a few branches
REQUIREMENTS = ROOT / "requirements" / "base.txt"


def shelf() -> Path:
    """The folder where things are kept, or one of this run's own when that is another user's."""
    folder = ROOT / ".hq" / "tests"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _shelf_of_this_run()
    return folder if folder.stat().st_uid == os.geteuid() and os.access(folder, os.W_OK) else _shelf_of_this_run()


def _shelf_of_this_run() -> Path:
    folder = Path(os.environ["HQ_TEST_HOME"]) / "shelf"
    folder.mkdir(exist_ok=True)
    return folder


def fill(layout: Layout) -> None:
    """Give the layout a migrated cluster, and see to it that the static files are there. Raises CannotStart."""
    kept = shelf()
    lock = Lock.on(Layout(kept), "making")
    lock.take()
    try:
        _static(kept)
        source = kept / f"cluster-{_cluster_hash()}"
        if source.exists():
            os.utime(source)
            _copy(source, layout.postgres_data)
        else:
            _migrate(layout)
            _forget_old(kept, "cluster-*")
            _copy(layout.postgres_data, source)
    finally:
        lock.drop()


def static_folder() -> Path:
    """Where the collected static files are, or will be when `fill` has run."""
    return shelf() / f"static-{static_files.fingerprint()[:24]}"


def _static(kept: Path) -> None:
    folder = static_folder()
    if not folder.exists():
        _forget_old(kept, "static-*")
        draft = folder.with_name(f"draft-{os.getpid()}")
        _manage("The static files cannot be collected", "collectstatic", "--noinput", HQ_STATIC_DIR=str(draft))
        draft.rename(folder)
    os.utime(folder)


def _cluster_hash() -> str:
    files = [
        *ROOT.glob("*/migrations/*.py"),
        *(ROOT / "hq" / "db").rglob("*.py"),
        ROOT / "hq" / "db" / "roles.sql",
        REQUIREMENTS,
    ]
    return _hash(files, f"{find_programs()} {os.geteuid()}")


def _hash(files: Iterable[Path], more: str = "") -> str:
    state = hashlib.sha256(more.encode())
    for file in sorted(files):
        state.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return state.hexdigest()[:24]


def _migrate(layout: Layout) -> None:
    with Services(layout, fleeting=True):
        _manage("The migrations fail", "migrate", HQ_DB_ROLE="hq_owner")


def _manage(failure: str, *arguments: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments, "--skip-checks", "--verbosity", "0"],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotStart(f"{failure}:\n{done.stdout}")


def _copy(source: Path, target: Path) -> None:
    """With owners and modes, and whole or not at all."""
    draft = target.with_name(f"draft-{os.getpid()}")
    subprocess.run(["cp", "-a", source, draft], check=True)
    draft.rename(target)


def _forget_old(kept: Path, kind: str) -> None:
    """Leave room for one more."""
    newest_first = sorted(kept.glob(kind), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest_first[KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
