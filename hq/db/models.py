"""What every table begins with."""

from typing import ClassVar
from uuid import UUID

from django.db import models

from hq.db.classes import Declared
from hq.lib.ids import new_id

# The deployment itself, where something must be sealed or logged before any organization is known.
PLATFORM_ID = UUID(int=0)


class Model(models.Model):
    """A row with a time-ordered id."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)

    data_classes: ClassVar = Declared(operational="id")

    class Meta:
        abstract = True


class TenantForeignKey(models.ForeignKey):  # type: ignore[type-arg]
    """A reference to another row of the same organization.

    Django keeps no constraint and no index of its own: the migration adds the composite ones with
    `hq.db.operations.CompositeKey`, which a row of another organization cannot satisfy.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs["db_constraint"] = False
        kwargs["db_index"] = False
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]


class TenantModel(Model):
    """A row that belongs to one organization."""

    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )

    data_classes: ClassVar = Declared(operational="organization")

    class Meta:
        abstract = True
