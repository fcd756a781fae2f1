"""Who holds data under data keys. Sealed columns are found by themselves; rooms above register what else they have."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol
from uuid import UUID

from django.apps import apps
from django.db import models

from hq.authz.permissions import Permission
from hq.db.fields import SealedJSONField, SealedTextField
from hq.db.models import PLATFORM_ID
from hq.db.sealing import Purpose
from keys.columns import Batch, Held, SealedColumns, Step

# Their rows are never written again: the trail is append-only, tokens are in other hands, and a search key that changed
# would find nothing. Only their data keys are wrapped anew.
KEPT = {
    Purpose.AUDIT: "The trail is append-only; its data keys are wrapped anew and every version still opens it.",
    Purpose.BLIND_INDEX: "A search key is only wrapped anew: another one would not find what is indexed.",
    Purpose.CAPABILITY: "Tokens are with those who hold them; links made from now on are under the new version.",
}
# The new version of a data key is for what is written from now on, so there is none of a search key.
RENEWED = frozenset(Purpose) - {Purpose.BLIND_INDEX}


class Holder(Protocol):
    """Something that keeps data under one purpose's data keys. `name` is for ever, `title` is what people read."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def purpose(self) -> Purpose: ...

    def count(self, organization_id: UUID) -> Held:
        """What is there, inside the caller's tenant transaction."""
        ...

    def left(self, organization_id: UUID, version: int) -> int:
        """How many rows stand under a data key older than `version`, inside the caller's tenant transaction."""
        ...

    def reseal(self, step: Step, organization_id: UUID, version: int, after: UUID | None, limit: int) -> Batch:
        """Bring up to `limit` rows with ids above `after` under the current version, each transaction within `step()`.

        It never waits for a row that somebody else is changing; that one is found in the next round.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the people who look after an organization's keys must hear. `file` is a name and what it holds."""

    subject: str
    sentences: tuple[str, ...]
    path: str = ""  # below the organization's own pages
    environment: str = "live"  # whose pages
    file: tuple[str, str] | None = None


class Tenancy(Protocol):
    """What keys must know of organizations, which stand a floor above."""

    def name_of(self, organization_id: UUID) -> str: ...

    def keeper_since(self, organization_id: UUID, person_id: UUID, permission: Permission) -> datetime | None:
        """Since when somebody belongs to the organization who now has this permission; None if they have not."""
        ...

    def tell_keepers(self, organization_id: UUID, notice: Notice) -> None:
        """Write to everyone who may destroy or rotate this organization's keys, once the transaction has committed."""
        ...


# Makes what the deployment itself needs, unless it is there already.
Starter = Callable[[], object]
# Hears of an organization's CMK: its ARN if it is in AWS KMS, else "".
Follower = Callable[[UUID, str], None]

_followers: list[Follower] = []
_starters: dict[str, Starter] = {}
_registered: dict[bool, dict[str, Holder]] = {False: {}, True: {}}  # those of organizations, of the deployment
_tenancy: list[Tenancy] = []


def register_tenancy(tenancy: Tenancy) -> None:
    """Called once at start-up by the room that keeps organizations; the last one wins."""
    _tenancy[:] = [tenancy]


def tenancy() -> Tenancy:
    """The registered one."""
    return _tenancy[0]


def add_follower(follower: Follower) -> None:
    """Called at start-up by a room whose data something outside of HQ encrypts under the organization's CMK as well.

    It is told of another CMK before the data keys move under that one, and of the present one if the move is given up;
    outside of transactions, and perhaps more than once. If it raises, the move is tried again later.
    """
    if follower not in _followers:
        _followers.append(follower)


def at_start(name: str, make: Starter) -> None:
    """Called at start-up by a room that has keys of the deployment's own. Twice the same name is the same.

    It is run whenever HQ starts, behind the deployment's data keys.
    """
    _starters[name] = make


def starters() -> list[Starter]:
    """In the order in which they were registered."""
    return list(_starters.values())


def tell_followers(organization_id: UUID, cmk: str) -> None:
    """Call it outside of transactions."""
    for follower in _followers:
        follower(organization_id, cmk)


def add_holder(holder: Holder, *, platform: bool = False) -> None:
    """Called at start-up by a room that keeps data under data keys in its own way. Twice the same name is the same.

    `platform` says that all of it belongs to the deployment itself, and stands under the deployment's keys.
    """
    _registered[platform][holder.name] = holder


def holders(organization_id: UUID) -> list[Holder]:
    """Everything that may hold data of this organization, or of the deployment (PLATFORM_ID), by title."""
    platform = organization_id == PLATFORM_ID
    columns: list[Holder] = [holder for holder in _sealed_columns() if platform or holder.owned]
    return sorted([*columns, *_registered[platform].values()], key=lambda holder: holder.title)


@cache
def _sealed_columns() -> tuple[SealedColumns, ...]:
    """From the models. Evidence that outlives its organization is left out: it stands under a key that is kept."""
    return tuple(
        SealedColumns(
            name=f"{model._meta.db_table}.{purpose}",  # noqa: SLF001 - Django's documented name
            title=getattr(model, "sealed_title", str(model._meta.verbose_name_plural).capitalize()),  # noqa: SLF001 - Django's documented name
            purpose=purpose,
            table=model._meta.db_table,  # noqa: SLF001 - Django's documented name
            fields=tuple(field for field in _sealed(model) if field.purpose is purpose),
            owned=not hasattr(model, "sealed_under"),
        )
        for model in apps.get_models()
        for purpose in sorted({field.purpose for field in _sealed(model)})
        if not (hasattr(model, "sealed_under") and hasattr(model, "organization_id"))
    )


def _sealed(model: type[models.Model]) -> list[Any]:
    kinds = (SealedTextField, SealedJSONField)
    return [field for field in model._meta.concrete_fields if isinstance(field, kinds)]  # noqa: SLF001 - Django's documented name
