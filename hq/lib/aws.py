"""A client of an AWS service: one a process, made when first asked for, with credentials from boto3's own chain."""

import threading
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

from hq.lib.forks import in_each_child


class Client:
    """Call it for the client: threads share it, a child process makes its own. `more` are botocore's settings."""

    def __init__(
        self,
        service: str,
        region: str,
        endpoint: str | None,
        *,
        seconds: tuple[float, float],
        tries: int,
        prepare: Callable[[Any], None] | None = None,
        **more: Any,
    ) -> None:
        """`seconds` to connect and to read, for one try of so many, with jitter between."""
        connect_seconds, read_seconds = seconds
        config = Config(
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            retries={"mode": "standard", "total_max_attempts": tries},
            max_pool_connections=32,
            tcp_keepalive=True,
            ignore_configured_endpoint_urls=True,  # only HQ's own setting, which production judges
            **more,
        )
        self._asked = {"service_name": service, "region_name": region, "endpoint_url": endpoint, "config": config}
        self._prepare = prepare
        self._begin()
        in_each_child(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._client: Any = None

    def __call__(self) -> Any:
        """Making one takes a while and is not safe between threads; using one is."""
        with self._lock:
            if self._client is None:
                client = boto3.session.Session().client(**self._asked)
                if self._prepare is not None:
                    self._prepare(client)
                self._client = client
            return self._client
