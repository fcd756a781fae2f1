"""The Valkey of these tests, and processes that race."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from redis import Redis

from tests.valkeys import own_valkey

__all__ = ["own_valkey"]
ROOT = Path(__file__).resolve().parents[2]
Racers = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def kept() -> Redis:
    """What Valkey holds, looked at and moved by the test."""
    return Redis.from_url(settings.REDIS_URL, decode_responses=True)


@pytest.fixture
def racers() -> Iterator[Racers]:
    """Starts a process that forks racers, told what to do on its command line; its answers are lines of JSON."""
    with ExitStack() as running:

        def start(what: str, **order: Any) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "tests.limits.racers", what, json.dumps(order)]
            environment = os.environ | {"HQ_REDIS_URL": settings.REDIS_URL}
            child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
            running.callback(child.kill)
            return running.enter_context(child)

        yield start
