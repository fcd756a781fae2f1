"""The line to AWS KMS: one client per process, short waits, and no more calls while it does not answer.

Credentials come from boto3's own chain. A line survives a fork: the child makes a client and a breaker of its own.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakSet

import boto3
from botocore.config import Config

from hq.lib.circuit import Circuit
from keys.providers import kms_faults
from keys.providers.base import ProviderUnavailable

log = logging.getLogger("hq.keys")
T = TypeVar("T")
Answer = Mapping[str, Any]
Reader = Callable[[Answer], T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long one try may take and how many there are (with jitter between), and when the breaker opens and tries."""

    connect_seconds: float = 1
    read_seconds: float = 3
    tries: int = 3
    faults_to_open: int = 5
    seconds_open: float = 10


class Line:
    """Calls to AWS KMS in one region. Threads share it."""

    def __init__(self, region: str, endpoint: str | None = None, *, pace: Pace | None = None) -> None:
        self.region = region
        self._endpoint = endpoint
        self._pace = pace or Pace()
        self.reset()
        _lines.add(self)

    def reset(self) -> None:
        """Forget the client and what the breaker has seen."""
        self._lock = threading.Lock()
        self._client: Any = None
        self.breaker = Circuit(
            "AWS KMS",
            log,
            faults=self._pace.faults_to_open,
            seconds=self._pace.seconds_open,
            is_outage=kms_faults.is_outage,
            refusal=ProviderUnavailable,
        )

    def ask(self, operation: str, ref: str, read: Reader[T], /, **parameters: Any) -> T:
        """Call the operation and read its answer. `read` raises KeyError or ValueError over an answer that is no good.

        Raises ProviderError, and WrongState when the CMK's state does not allow it.
        """
        with self.breaker.asking():
            try:
                return read(_call(self.client(), operation, parameters))
            except kms_faults.RAISED as error:
                fault, code = kms_faults.translated(error, operation)
                log.warning("AWS KMS did not do it", extra={"operation": operation, "arn": ref, "code": code})
                raise fault from None

    def client(self) -> Any:
        """Making one takes a while and is not safe between threads; using one is."""
        with self._lock:
            if self._client is None:
                self._client = boto3.session.Session().client(
                    "kms", region_name=self.region, endpoint_url=self._endpoint, config=self._config()
                )
            return self._client

    def _config(self) -> Config:
        return Config(
            connect_timeout=self._pace.connect_seconds,
            read_timeout=self._pace.read_seconds,
            retries={"mode": "standard", "total_max_attempts": self._pace.tries},
            max_pool_connections=32,
            tcp_keepalive=True,
            ignore_configured_endpoint_urls=True,  # only HQ's own setting, which production judges
        )


def _call(client: Any, operation: str, parameters: Mapping[str, Any]) -> Answer:
    answer: Answer = getattr(client, _METHODS[operation])(**parameters)
    return answer


_METHODS = {
    "CancelKeyDeletion": "cancel_key_deletion",
    "CreateAlias": "create_alias",
    "CreateKey": "create_key",
    "Decrypt": "decrypt",
    "DescribeKey": "describe_key",
    "DisableKey": "disable_key",
    "EnableKey": "enable_key",
    "EnableKeyRotation": "enable_key_rotation",
    "Encrypt": "encrypt",
    "GenerateDataKey": "generate_data_key",
    "GetKeyRotationStatus": "get_key_rotation_status",
    "ListGrants": "list_grants",
    "ListResourceTags": "list_resource_tags",
    "ReEncrypt": "re_encrypt",
    "RotateKeyOnDemand": "rotate_key_on_demand",
    "ScheduleKeyDeletion": "schedule_key_deletion",
}

_lines: WeakSet[Line] = WeakSet()
_shared: dict[tuple[str, str | None], Line] = {}
_sharing = threading.Lock()


def shared(region: str, endpoint: str | None) -> Line:
    """The process's line to that region: every thread meets the same breaker."""
    with _sharing:
        if (region, endpoint) not in _shared:
            _shared[region, endpoint] = Line(region, endpoint)
        return _shared[region, endpoint]


def _after_fork() -> None:
    """Nobody in a child will release the locks that the parent's other threads held, and sockets are not shared."""
    global _sharing  # noqa: PLW0603 - the child's own lock
    _sharing = threading.Lock()
    for line in _lines:
        line.reset()


os.register_at_fork(after_in_child=_after_fork)
