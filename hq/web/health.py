"""`/healthz`: the process answers. `/readyz`: it can also reach what it needs."""

import logging

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

log = logging.getLogger("hq.web")


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, PoolTimeout) as error:
        log.warning("database not reachable", extra={"error": type(error).__name__})
        return False
    return True


def _valkey() -> bool:
    try:
        cache.get("hq.ready")
    except RedisError as error:
        log.warning("valkey not reachable", extra={"error": type(error).__name__})
        return False
    return True


def readyz(request: HttpRequest) -> JsonResponse:
    """503 with what is missing, by name; nothing else about it."""
    parts = {"database": _database(), "valkey": _valkey()}
    words = {name: "ok" if ok else "unreachable" for name, ok in parts.items()}
    return JsonResponse(words, status=200 if all(parts.values()) else 503)
