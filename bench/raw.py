"""What the machine can do beside the thing that is measured."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.db import connection

from bench.figures import seconds
from bench.hands import together
from hq.embedded.postgres import SUPERUSER


def commits(count: int, *, hands: int = 1) -> float:
    """Seconds for `count` commits of one small row each, in all, over so many connections: no HQ, no Django."""
    where = connection.get_connection_params() | {"user": SUPERUSER, "autocommit": True, "context": None}

    def insert(_number: int) -> None:
        with psycopg.connect(**where) as link:
            for _ in range(count // hands):
                link.execute("INSERT INTO bench.rows (body) VALUES (%s)", ["x" * 200])

    with _table(where):
        return together(hands, insert)


@contextmanager
def _table(where: dict[str, object]) -> Iterator[None]:
    """In a schema of its own, made by the administrator: HQ's own roles could not."""
    with psycopg.connect(**where) as admin:  # type: ignore[arg-type]
        admin.execute("CREATE SCHEMA bench CREATE TABLE rows (id bigserial PRIMARY KEY, body text NOT NULL)")
        try:
            yield
        finally:
            admin.execute("DROP SCHEMA bench CASCADE")


def syncs(count: int, folder: Path) -> float:
    """Seconds for `count` times 8 KiB written at a file's end and brought to the disk by fdatasync."""
    path = folder / "bench-syncs"
    with path.open("wb", buffering=0) as file:

        def write() -> None:
            for _ in range(count):
                file.write(bytes(8192))
                os.fdatasync(file.fileno())

        taken = seconds(write)
    path.unlink()
    return taken
