"""The line to AWS KMS: one client per process, short waits, and no more calls while it does not answer."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from hq.lib.aws import Client
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
        pace = pace or Pace()
        self.region = region
        self.client = Client(
            "kms", region, endpoint, seconds=(pace.connect_seconds, pace.read_seconds), tries=pace.tries
        )
        self.breaker = Circuit(
            "AWS KMS",
            log,
            faults=pace.faults_to_open,
            seconds=pace.seconds_open,
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


@cache
def shared(region: str, endpoint: str | None) -> Line:
    """The process's line to that region: every thread meets the same breaker."""
    return Line(region, endpoint)
