"""Organizations with a bucket, and short ways to put and get."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hq.authz.actor import Actor
from tests.factories import Place, make_api_key, make_place
from tests.vault.http import Api
from tests.vault.support import Put
from vault import actions


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


@pytest.fixture
def put(actor: Actor) -> Put:
    def put(path: str, content: bytes = b"content", **more: Any) -> Any:
        given: dict[str, Any] = {"actor": actor, "path": path, "chunks": [content], **more}
        return actions.put_object(**given)

    return put


@pytest.fixture(autouse=True)
def no_open_files_left() -> Iterator[None]:
    """What a test opened it must have closed."""
    before = {link.resolve() for link in Path("/proc/self/fd").iterdir()}
    yield
    after = {link.resolve() for link in Path("/proc/self/fd").iterdir()}
    assert not [path for path in after - before if "/objects/" in str(path)]


@pytest.fixture
def api(committed_place: Place) -> Api:
    """Committed, as a refusal undoes the transaction that it is in, and a test's own would be that."""
    return Api(committed_place, make_api_key(committed_place))
