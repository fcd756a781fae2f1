"""Ask the domain name system for the TXT records of a name."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from dns.nameserver import Do53Nameserver
from dns.rdtypes.ANY.TXT import TXT

from hq.lib.errors import Invalid, Unavailable

SECONDS = 5.0
MOST_RECORDS = 100
DNS_PORT = 53


class NameNotValid(Invalid):
    """This is not a domain name."""


class TooManyRecords(Invalid):
    """There are too many TXT records at this name. Remove those that are no longer needed, then try again."""


class RecordsNotRead(Unavailable):
    """The name servers of this domain gave no answer. Try again in a few minutes."""


def txt_records(name: str, *, nameservers: Sequence[str] = (), seconds: float = SECONDS) -> list[str]:
    """List the TXT records of the name, each as one text; an empty list says that there are none.

    `nameservers` are addresses, with a port if it is not 53: `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:5353`.
    Without any, those of the machine are asked. An answer is 64 KiB at most (RFC 1035, section 4.2.2).

    Raises:
        NameNotValid: no domain could have this name.
        TooManyRecords: there are more than MOST_RECORDS.
        RecordsNotRead: nobody could or would tell whether there are any.
    """
    try:
        answer = _resolver(nameservers).resolve(_absolute(name), "TXT", lifetime=seconds)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise RecordsNotRead from error
    records = [record for record in answer if isinstance(record, TXT)]
    if len(records) > MOST_RECORDS:
        raise TooManyRecords
    # A record is a row of strings of 255 bytes at most; who wrote it meant one text (RFC 7208, section 3.3).
    return [b"".join(record.strings).decode(errors="replace") for record in records]


def _absolute(name: str) -> dns.name.Name:
    """Read the name from the root, whether or not it ends in a dot: no search domain is ever added."""
    try:
        found = dns.name.from_text(name)
    except (dns.exception.DNSException, UnicodeError):
        raise NameNotValid from None
    if found == dns.name.root:
        raise NameNotValid
    return found


def _resolver(nameservers: Sequence[str]) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=not nameservers)
    if nameservers:
        resolver.nameservers = [_nameserver(each) for each in nameservers]
    return resolver


def _nameserver(text: str) -> Do53Nameserver:
    """Read `address` or `address:port`; an IPv6 address with a port is in brackets.

    Raises:
        ValueError: it is neither.
    """
    bare = text.count(":") > 1 and not text.startswith("[")
    parts = urlsplit(f"//[{text}]" if bare else f"//{text}")
    return Do53Nameserver(str(ip_address(str(parts.hostname))), parts.port or DNS_PORT)
