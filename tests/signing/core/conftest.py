"""What tests of an agreement's life begin with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction

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


WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"  # unlike activity, looked up anew each time


def wait_until_somebody_waits() -> None:
    pause = Event()
    for _ in range(400):
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return
        pause.wait(0.05)
    raise AssertionError("nobody waits for anybody")


def meanwhile(place: Place, first: Callable[[], object], second: Callable[[], object]) -> str:
    """`second` comes while what `first` did is not committed, and has to wait. How it ended: "" or its refusal."""
    ended: list[str] = []

    def come() -> None:
        try:
            second()
            ended.append("")
        except Exception as refusal:  # noqa: BLE001 - a fault of the database is one of the ends that tests tell apart
            ended.append(type(refusal).__name__)
        finally:
            connections.close_all()

    other = Thread(target=come)
    with transaction.atomic(), tenant(place.id):
        first()
        other.start()
        wait_until_somebody_waits()
    other.join(timeout=20)
    return ended[0]
