"""Threads of the edge hold no connection between two questions: most requests ask none."""

from django.db import connection


def release() -> None:
    """Give the connection back to the pool, unless somebody's transaction is open on it."""
    if not connection.in_atomic_block:
        connection.close()
