"""A batch as one POST: JSON Lines or a JSON array, with a header of the customer's and signed as webhooks are."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from time import time
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from django.conf import settings
from requests import Response

from hq.crypto import webhooks as crypto
from hq.lib.errors import FieldError
from hq.lib.outbound import NotFetched, OutboundSession, checked
from hq.lib.retry_after import wait_of
from hq.web.outbound import rules
from streams.targets import lines
from streams.targets.base import SECONDS, Outcome, Parcel, Settings, faulty, text_of

LINES, ARRAY = "lines", "array"
TYPES = {LINES: "application/x-ndjson", ARRAY: "application/json"}
TRUSTED: str | None = None  # besides the public authorities; tests have one of their own
READ_BYTES = 64 * 1024
LONGEST_WAIT = timedelta(hours=1)
ASKS_TO_WAIT = {429, 503}
# Of the 400s those after which the same batch may well arrive: it took too long, came too early, or too often.
PASSING = {408, 425, 429}
LARGE = 413
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}")
_OURS: Final = re.compile(
    r"(?i)host|content-.*|transfer-encoding|connection|user-agent|webhook-.*|hq-.*|te|trailer|upgrade"
)


class Https:
    """`target`: url, format, header. `secret`: value of that header, and what batches are signed with."""

    texts: ClassVar[Mapping[str, int]] = {"url": 2000, "format": 20, "header": 60}
    secrets: ClassVar[Mapping[str, int]] = {"value": 4000}

    def clean(self, target: Settings, secret: Settings) -> tuple[dict[str, Any], dict[str, Any], list[FieldError]]:
        url, header = text_of(target, "url"), text_of(target, "header") or "Authorization"
        form = text_of(target, "format") if "format" in target else LINES
        value, faults = text_of(secret, "value"), list[FieldError]()
        if fault := _fault_of(url):
            faults.append({"pointer": "/target/url", "detail": fault})
        if form not in TYPES:
            faults.append({"pointer": "/target/format", "detail": f"One of {', '.join(TYPES)}."})
        if not _TOKEN.fullmatch(header) or _OURS.fullmatch(header):
            faults.append({"pointer": "/target/header", "detail": "Name a header that is not one of HQ’s own."})
        if not value.isascii() or not value.isprintable():
            faults.append({"pointer": "/secret/value", "detail": "A header’s value has ASCII characters only."})
        kept = {name: secret[name] for name in ("shared", "private") if name in secret}
        return {"url": url, "format": form, "header": header}, {"value": value, **kept}, faults

    def place(self, target: Settings) -> str:
        return str(urlsplit(target["url"]).hostname)

    def shown_to(self, target: Settings) -> str:
        parts = urlsplit(target["url"])
        return f"{parts.scheme}://{parts.netloc}".lower()

    def send(self, parcel: Parcel, target: Settings, secret: Settings) -> Outcome:
        body = _body(parcel, target["format"])
        stamp = int(time())
        signature = crypto.sign([crypto.Secret.read(secret["shared"], secret["private"])], parcel.batch_id, stamp, body)
        headers = {"content-type": TYPES[target["format"]], "user-agent": f"HQ/{settings.VERSION}"}
        headers |= crypto.headers(parcel.batch_id, stamp, signature) | _places(parcel)
        if secret["value"]:
            headers[target["header"]] = secret["value"]
        ours = replace(rules(), seconds=SECONDS, most_bytes=READ_BYTES, as_it_is=True)
        try:
            with OutboundSession(ours, trusted=TRUSTED) as session:
                response = session.post(target["url"], data=body, headers=headers, allow_redirects=False)
        except NotFetched as fault:
            return faulty(fault)
        return replace(judged(response), size=len(body))


def _body(parcel: Parcel, form: str) -> bytes:
    written = [lines.line(parcel.log, entry) for entry in parcel.entries]
    written = written or [lines.test_line(parcel.batch_id, parcel.environment_id)]
    return (f"[{','.join(written)}]" if form == ARRAY else "".join(f"{each}\n" for each in written)).encode()


def _places(parcel: Parcel) -> dict[str, str]:
    if parcel.is_test:
        return {"hq-test": "1"}
    first, last = parcel.entries[0].index, parcel.entries[-1].index
    return {"hq-log": parcel.log, "hq-first": str(first), "hq-last": str(last)}


def judged(response: Response) -> Outcome:
    """What a status means for a batch."""
    status = response.status_code
    if 200 <= status < 300:
        return Outcome(arrived=True)
    said = f"The server answers {status}"
    if 300 <= status < 400:
        return Outcome(arrived=False, final=True, said=f"{said}, a redirect. Enter the address that it leads to.")
    if status == LARGE:
        return Outcome(arrived=False, final=True, too_large=True, said=f"{said}: one entry is too large for it.")
    wait = wait_of(response, LONGEST_WAIT) if status in ASKS_TO_WAIT else timedelta()
    return Outcome(arrived=False, said=f"{said}.", wait=wait, final=400 <= status < 500 and status not in PASSING)


def _fault_of(url: str) -> str:
    if not url.isprintable():
        return "An address has no characters that cannot be seen."
    try:
        checked(url, rules())
    except NotFetched as fault:
        return str(fault)
    return ""
