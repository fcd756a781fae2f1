"""Organizations with a bucket, and short ways to put and get."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from hq.authz.actor import Actor
from tests.factories import Place, make_place
from vault import actions
from vault.actions import StoredAs


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


@pytest.fixture
def committed_place(transactional_db: None) -> Place:
    """For tests with several connections or processes."""
    return make_place()


@pytest.fixture
def actor(place: Place) -> Actor:
    return place.actor()


Put = Callable[..., StoredAs]


@pytest.fixture
def put(actor: Actor) -> Put:
    def put(path: str, content: bytes = b"content", **more: object) -> StoredAs:
        return actions.put_object(**{"actor": actor, "path": path, "chunks": [content], **more})

    return put


def get(actor: Actor, path: str, version: int | None = None, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join(actions.open_object(actor=actor, path=path, version=version).read(start, stop))


def files(place: Place) -> list[Path]:
    """Every file in the place's bucket, whole or not."""
    folder = Path(settings.DATA_DIR) / "objects"
    return [file for bucket in folder.glob(f"*-{place.id.hex[-8:]}") for file in bucket.rglob("*") if file.is_file()]


@pytest.fixture(autouse=True)
def no_open_files_left() -> Iterator[None]:
    """What a test opened it must have closed."""
    before = {link.resolve() for link in Path("/proc/self/fd").iterdir()}
    yield
    after = {link.resolve() for link in Path("/proc/self/fd").iterdir()}
    assert not [path for path in after - before if "/objects/" in str(path)]
