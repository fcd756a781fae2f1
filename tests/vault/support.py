"""What tests of the vault look at."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from hq.authz.actor import Actor
from hq.db.context import tenant
from hq.db.sealing import Purpose
from keys.columns import Batch
from tests.factories import Place
from tests.keys.support import new_data_key
from vault import actions
from vault.actions import StoredAs, StoredFiles
from vault.models import Blob, ObjectVersion

Put = Callable[..., StoredAs]


def get(actor: Actor, path: str, version: int | None = None, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join(actions.open_object(actor=actor, path=path, version=version).read(start, stop))


def files(place: Place) -> list[Path]:
    """Every file in the place's bucket, whole or not."""
    folder = Path(settings.DATA_DIR) / "objects"
    return [file for bucket in folder.glob(f"*-{place.id.hex[-8:]}") for file in bucket.rglob("*") if file.is_file()]


def new_content_key(place: Place) -> int:
    """What is stored from now on stands under the next version of the content key; which one."""
    return new_data_key(place.id, Purpose.CONTENT)


def reseal(place: Place, version: int, limit: int = 100) -> Batch:
    """Every stored file once; what was done in all."""
    resealed = unopened = 0
    after = None
    while True:
        batch = StoredFiles().reseal(lambda: tenant(place.id), place.id, version, after, limit)
        resealed, unopened, after = resealed + batch.resealed, unopened + batch.unopened, batch.last
        if after is None:
            return Batch(resealed, unopened, None)


def assert_nothing_is_left_over(place: Place) -> None:
    """A row for each file, a file for each row, and each is one that a version refers to."""
    with tenant(place.id):
        blobs = list(Blob.objects.all())
        assert {blob.state for blob in blobs} <= {"STORED"}
        used = set(ObjectVersion.objects.values_list("blob_id", flat=True))
    assert {blob.id for blob in blobs} == used
    assert sorted(file.name for file in files(place)) == sorted(blob.id.hex for blob in blobs)


def found(pattern: str | bytes, text: Any, flags: int = 0) -> Any:
    """The match of what has to be there."""
    match = re.search(pattern, text, flags)
    assert match, pattern
    return match
