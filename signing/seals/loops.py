"""Coroutines of pyHanko, which wait for nothing: run to their end, whether or not a loop runs where they are called."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def finished(work: Coroutine[Any, Any, Result]) -> Result:
    """What it gives. In a thread of its own, since a loop cannot be begun inside of another."""
    with ThreadPoolExecutor(1, thread_name_prefix="seal") as pool:
        return pool.submit(asyncio.run, work).result()
