"""`/healthz`: the process answers. `/readyz`: it can also reach what it needs."""

import logging
from collections.abc import Callable

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

log = logging.getLogger("hq.web")


def database_answers() -> bool:
    """Whether a statement comes through; it is logged if not."""
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


def _ready() -> JsonResponse:
    """503 with what is missing, by name; nothing else about it."""
    parts = {"database": database_answers(), "valkey": _valkey()}
    words = {name: "ok" if ok else "unreachable" for name, ok in parts.items()}
    return JsonResponse(words, status=200 if all(parts.values()) else 503)


class HealthChecks:
    """Answers before anything judges the request: a probe knows neither our host name nor our certificate."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == "/healthz":
            return JsonResponse({"status": "ok"})
        return _ready() if request.path_info == "/readyz" else self.get_response(request)
