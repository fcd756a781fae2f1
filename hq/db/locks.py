"""Turns: who holds a name does so alone until the transaction ends. The server knows such names by 64 bits of them."""

from django.db import connection


def hold(name: str) -> None:
    """Wait until nobody else holds the name, and hold it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def try_hold(name: str) -> bool:
    """Hold the name if nobody does; wait for nobody. Tells whether it is held now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        held: bool = cursor.fetchone()[0]
    return held
