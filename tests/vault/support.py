"""What tests of the vault look at."""

from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from hq.authz.actor import Actor
from tests.factories import Place
from vault import actions
from vault.actions import StoredAs

Put = Callable[..., StoredAs]


def get(actor: Actor, path: str, version: int | None = None, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join(actions.open_object(actor=actor, path=path, version=version).read(start, stop))


def files(place: Place) -> list[Path]:
    """Every file in the place's bucket, whole or not."""
    folder = Path(settings.DATA_DIR) / "objects"
    return [file for bucket in folder.glob(f"*-{place.id.hex[-8:]}") for file in bucket.rglob("*") if file.is_file()]
