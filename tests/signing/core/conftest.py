"""What tests of an agreement's life begin with."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from hq.db.context import tenant
from hq.lib.clock import now
from signing.models import Agreement
from tests.factories import Place, make_place


@pytest.fixture
def place(db: None) -> Place:
    return make_place()


def lapse(agreement: Agreement) -> None:
    """Its time is over, and nothing has noticed yet."""
    with tenant(agreement.organization_id):
        Agreement.objects.filter(id=agreement.id).update(expires_at=now() - timedelta(seconds=1))


@contextmanager
def refused(*names: str) -> Iterator[None]:
    """The database says no, by one of these names."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        yield
    assert caught.value.__cause__.diag.constraint_name in names  # type: ignore[union-attr]  # psycopg's own error


def write(statement: str, *values: Any) -> None:
    """A statement as the running application could send it, past every action."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
