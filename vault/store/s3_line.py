"""The line to S3: one client per process, short waits, one region, and no more calls while it does not answer."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar
from urllib.parse import unquote_plus

from django.conf import settings

from hq.guards import AWS_REGION
from hq.lib.aws import Client
from hq.lib.circuit import Circuit
from vault.store import s3_faults
from vault.store.base import MissingBytes
from vault.store.s3_faults import StoreMisplaced, StoreUnavailable, WrongRegion

log = logging.getLogger("hq.vault")
T = TypeVar("T")
Answer = Mapping[str, Any]
Reader = Callable[[Answer], T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long one try may take and how many there are (with jitter between), and when the circuit opens and tries.

    `breaks` is how often in a row a body may break off without a byte of progress.
    """

    connect_seconds: float = 2
    read_seconds: float = 60
    tries: int = 4
    breaks: int = 4
    faults_to_open: int = 5
    seconds_open: float = 10


class Line:
    """Calls to S3 in one region. Threads share it.

    boto3 would follow a bucket into whatever region it is in; `others` are the only ones where it may (OPS-8).
    """

    def __init__(
        self,
        region: str,
        endpoint: str | None = None,
        *,
        others: frozenset[str] = frozenset(),
        pace: Pace | None = None,
    ) -> None:
        self.region = region
        self.regions = others | {region}
        self.pace = pace or Pace()
        self.client = Client(
            "s3",
            region,
            endpoint,
            seconds=(self.pace.connect_seconds, self.pace.read_seconds),
            tries=self.pace.tries,
            prepare=self._prepare,
            signature_version="s3v4",  # the older one leaves an address open to changes of its headers
            # HQ names the checksum of every part itself; a slice has none, and is verified when it is opened.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if endpoint else "virtual"},
        )
        self.circuit = Circuit(
            "The object store",
            log,
            faults=self.pace.faults_to_open,
            seconds=self.pace.seconds_open,
            is_outage=s3_faults.is_outage,
            refusal=StoreUnavailable,
        )

    def ask(self, operation: str, bucket: str, read: Reader[T], /, **parameters: Any) -> T:
        """Call the operation and read its answer. `read` raises KeyError or ValueError over an answer that is no good.

        Raises what vault.store.s3_faults names.
        """
        with self.circuit.asking():
            try:
                return read(getattr(self.client(), operation)(Bucket=bucket, **parameters))
            except s3_faults.RAISED as error:
                fault, code = s3_faults.translated(error, operation)
                if not isinstance(fault, s3_faults.Expected | MissingBytes):
                    log.warning(
                        "the object store did not do it", extra={"operation": operation, "bucket": bucket, "code": code}
                    )
                raise fault from None

    def do(self, operation: str, bucket: str, /, **parameters: Any) -> None:
        """Call the operation; what matters is that it was done."""
        self.ask(operation, bucket, _nothing, **parameters)

    def pages(self, operation: str, bucket: str, marks: Mapping[str, str], /, **parameters: Any) -> Iterator[Answer]:
        """Each page of a list. `marks` are the parameters that lead on, by the fields of the answer that give them."""
        while True:
            answer = self.ask(operation, bucket, _page, **parameters)
            yield answer
            if not answer.get("IsTruncated"):
                return
            parameters |= {parameter: answer[field] for field, parameter in marks.items() if field in answer}

    def signed_address(self, operation: str, seconds: int, /, **parameters: Any) -> str:
        """An address by which anybody may do just this for so long. S3 is not asked."""
        try:
            address: str = self.client().generate_presigned_url(operation, Params=parameters, ExpiresIn=seconds)
        except s3_faults.RAISED as error:
            raise s3_faults.translated(error, operation)[0] from None
        return address

    def _prepare(self, client: Any) -> None:
        client.meta.events.register("before-sign.s3", self._stay)
        client.meta.events.register("before-parameter-build.s3.ListMultipartUploads", _ask_for_escapes)
        client.meta.events.register("after-call.s3.ListMultipartUploads", _read_escapes)

    def _stay(self, request: Any, **_: Any) -> None:
        region = request.context.get("signing", {}).get("region", self.region)
        if region not in self.regions:
            raise WrongRegion


# A name may have characters that no XML can carry. botocore sees to that in lists of objects, but not in this one.


def _ask_for_escapes(params: dict[str, Any], **_: Any) -> None:
    params["EncodingType"] = "url"


def _read_escapes(parsed: dict[str, Any], **_: Any) -> None:
    if parsed.get("EncodingType") == "url":
        for each, name in ((parsed, "NextKeyMarker"), *((upload, "Key") for upload in parsed.get("Uploads", ()))):
            if name in each:
                each[name] = unquote_plus(each[name])


def _nothing(answer: Answer) -> None:
    """What matters is that it was done."""


def _page(answer: Answer) -> Answer:
    return answer


@cache
def shared(region: str, endpoint: str | None, other: str) -> Line:
    """The process's line to that region: every thread meets the same circuit."""
    return Line(region, endpoint, others=frozenset({other} - {""}))


def line_from_settings() -> Line:
    """The process's line, by the present settings. Raises StoreMisplaced."""
    if not AWS_REGION.fullmatch(settings.REGION):
        raise StoreMisplaced
    return shared(settings.REGION, settings.S3_ENDPOINT or None, settings.BACKUP_REGION)
