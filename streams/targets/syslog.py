"""A batch as syslog messages (RFC 5424) over TLS (RFC 5425): each begins with its length, so nothing in it can end it.

Syslog has no answer. What there is instead: the batch has a connection of its own, and that ends in an orderly way.
TLS's close_notify comes after every message, and the receiver's own (RFC 5425 section 4.4), or its end of the
connection, comes after it has read that. A connection that breaks, or that nobody ends, is a batch that did not arrive.
"""

import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import orjson
from django.conf import settings

from audit.selectors import Entry
from hq.lib.errors import FieldError
from hq.lib.outbound import CertificateNotTrusted, Exchange, NotFetched, NotReached, TooSlow
from hq.web.outbound import rules
from streams.targets import lines
from streams.targets.base import SECONDS, Outcome, Parcel, Settings, faulty, text_of

PORT = 6514
# Facility 13 is "log audit". What was refused is a notice (5), anything else information (6).
_AUDIT, _NOTICE, _INFORMATION = 13 * 8, 5, 6
_PIECE = 16 * 1024  # a record of TLS: what waits longer than is left of the time is one of these, not four
# 32473 is the enterprise number kept for examples (RFC 5612): HQ has none of its own.
_OWN: Final = "hq@32473"
_MARK: Final = "\ufeff"  # RFC 5424 section 6.4: text in UTF-8 begins with it
_SEQUENCE_MOST = 2**31 - 1
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_WORD: Final = re.compile(r"[^\x21-\x7e]")
CA_MOST = 64 * 1024


class Syslog:
    """`target`: host, port, ca (PEM; empty: the public authorities). There is no secret."""

    texts: ClassVar[Mapping[str, int]] = {"host": 253, "port": 0, "ca": CA_MOST}
    secrets: ClassVar[Mapping[str, int]] = {}

    def clean(self, target: Settings, secret: Settings) -> tuple[dict[str, Any], dict[str, Any], list[FieldError]]:
        host, port, ca = text_of(target, "host"), target.get("port", PORT), text_of(target, "ca")
        faults: list[FieldError] = []
        if not _HOST.fullmatch(host):
            faults.append({"pointer": "/target/host", "detail": "Enter a name or an address, without port and path."})
        if type(port) is not int or not 0 < port < 65536:
            faults.append({"pointer": "/target/port", "detail": "Enter a number from 1 to 65535."})
        if target.get("ca") and not (ca and _is_authority(ca)):  # one that was left out must not stand for all
            faults.append({"pointer": "/target/ca", "detail": "This is no certificate in PEM."})
        return {"host": host, "port": port, "ca": ca}, {}, faults

    def place(self, target: Settings) -> str:
        return f"{target['host']}:{target['port']}"

    def shown_to(self, target: Settings) -> str:
        return ""

    def send(self, parcel: Parcel, target: Settings, secret: Settings) -> Outcome:
        frames = b"".join(frame(message) for message in _messages(parcel))
        exchange = Exchange(replace(rules(), seconds=SECONDS))
        try:
            _deliver(exchange, frames, target["host"], target["port"], _context(target["ca"]))
        except NotFetched as fault:
            return replace(faulty(fault), size=len(frames))
        except ssl.SSLCertVerificationError as error:
            said = f"The certificate of {target['host']} is not trusted: {error.verify_message}"
            return faulty(CertificateNotTrusted(said))
        except TimeoutError:
            return faulty(TooSlow())
        except OSError:  # ssl.SSLError is one
            return faulty(NotReached())
        return Outcome(arrived=True, size=len(frames))


def _deliver(exchange: Exchange, frames: bytes, host: str, port: int, context: ssl.SSLContext) -> None:
    """Raises NotFetched, OSError: it may have arrived or not."""
    plain = exchange.open(host, port, encrypted=True)
    try:
        plain.settimeout(exchange.remaining())
        with context.wrap_socket(plain, server_hostname=host) as secure:
            for start in range(0, len(frames), _PIECE):
                secure.settimeout(exchange.remaining())
                secure.sendall(frames[start : start + _PIECE])
            _close(exchange, secure)
    finally:
        plain.close()


def _close(exchange: Exchange, secure: ssl.SSLSocket) -> None:
    """Say that this was all and wait for the other side's end. A reset, or silence, is none: raises OSError."""
    secure.settimeout(exchange.remaining())
    try:
        secure.unwrap().close()
    except ssl.SSLEOFError:  # it ended the connection without TLS's own word, after it had read all of ours
        return
    except ssl.SSLError as error:
        # It still says something, which nobody has to read (RFC 8446 section 6.1); that it reads no more is not told.
        if error.reason != "APPLICATION_DATA_AFTER_CLOSE_NOTIFY":
            raise
        raise NotReached from error


def _context(ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _is_authority(ca: str) -> bool:
    try:
        _context(ca)
    except (ssl.SSLError, ValueError):
        return False
    return True


def frame(message: str) -> bytes:
    """RFC 5425 section 4.3: the number of octets, a space, the message."""
    raw = message.encode()
    return b"%d %s" % (len(raw), raw)


def _messages(parcel: Parcel) -> list[str]:
    if parcel.is_test:
        said = lines.test_line(parcel.batch_id, parcel.environment_id)
        return [_written(_INFORMATION, datetime.now(UTC), "stream:tested", "", said)]
    return [message(parcel.log, entry) for entry in parcel.entries]


def message(log: str, entry: Entry) -> str:
    """One entry as RFC 5424 has it. The time is that of the event, not that of sending."""
    document = orjson.loads(entry.document)
    status = document.get("status", 0)
    severity = _NOTICE if isinstance(status, int) and status >= 400 else _INFORMATION
    own = {"log": log, "index": str(entry.index), "hash": entry.hash.hex(), "actor": _actor(document)}
    data = _element("meta", {"sequenceId": str((entry.index - 1) % _SEQUENCE_MOST + 1)}) + _element(_OWN, own)
    return _written(
        severity, entry.at, str(document.get("tag") or document.get("verb") or "-"), data, lines.line(log, entry)
    )


def _actor(document: dict[str, Any]) -> str:
    actor = document.get("actor")
    return str(actor.get("id") or "") if isinstance(actor, dict) else ""


def _written(severity: int, at: datetime, kind: str, data: str, text: str) -> str:
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    host = socket.getfqdn() if not urlsplit(settings.BASE_URL).hostname else str(urlsplit(settings.BASE_URL).hostname)
    return f"<{_AUDIT + severity}>1 {stamp} {_word(host, 255)} HQ - {_word(kind, 32)} {data or '-'} {_MARK}{text}"


def _word(text: str, most: int) -> str:
    """A field of the header: visible ASCII, or the nil value."""
    return _WORD.sub("_", text)[:most] or "-"


def _element(name: str, values: dict[str, str]) -> str:
    """Structured data. In a value the three characters of RFC 5424 section 6.3.3 are escaped; no line ends there."""
    written = "".join(f' {key}="{_escaped(value)}"' for key, value in values.items())
    return f"[{name}{written}]"


def _escaped(value: str) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", _WORD.sub("_", value))
