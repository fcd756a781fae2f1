"""Packages whose keeper lets them go while a rotation may be replacing them."""

from collections.abc import Callable, Iterable
from uuid import UUID

from vault.actions.packages import drop_packages
from vault.models import Blob


def drop_held(organization_id: UUID, named: Callable[[], Iterable[UUID]], forget: Callable[[], object]) -> None:
    """Drop the packages that the keeper's rows name, in the caller's transaction; `forget` removes those rows.

    A rotation locks a file and then changes the rows that name it, so the files are locked here first as well, until
    the rows name exactly what is locked: a file that took the place of another in between would never be let go.
    """
    held: set[UUID] = set()
    while (wanted := set(named())) != held:
        rows = Blob.objects.filter(organization_id=organization_id, id__in=wanted)
        held = set(rows.order_by("id").select_for_update(no_key=True).values_list("id", flat=True))
    forget()
    drop_packages(organization_id, held)
