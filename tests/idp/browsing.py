"""What browsers share that sign in somewhere else and come back, and what is forgotten between two of them."""

from html import unescape
from ipaddress import IPv4Address, ip_network
from random import getrandbits
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.core.cache import cache

from hq.web import key_sets
from tests.idp import oidc

LOOPBACK = [ip_network("127.0.0.0/8")]


def somewhere() -> str:
    """An address of one's own: attempts are counted by address."""
    return str(IPv4Address(getrandbits(32)))


def leaving(page: Any) -> str:
    """Where the page that goes on by itself leads."""
    assert page.status_code == 200, (page.status_code, page.headers, page.content.decode())
    _, found, rest = page.content.decode().partition('content="0;URL=')
    assert found, page.content.decode()
    return unescape(rest.partition('"')[0])


def asked(url: str) -> dict[str, str]:
    """The parameters of an address, each of which stands there once."""
    given = parse_qs(urlsplit(url).query)
    assert all(len(values) == 1 for values in given.values()), given
    return {name: values[0] for name, values in given.items()}


def honest_again(provider: oidc.Provider) -> None:
    """As if it had just begun; only what it was asked stays."""
    fresh = vars(oidc.Provider())
    vars(provider).update({name: fresh[name] for name in fresh.keys() - {"address", "asked", "_over"}})
    forget_keys(provider)


def forget_keys(provider: Any) -> None:
    """A port of the tests comes round again, and what was known of its keys must not."""
    uri = f"{provider.address}{oidc.JWKS}"
    key_sets._sets._copies.pop(uri, None)
    cache.delete(key_sets.place(uri))
    ask_again(uri)


def ask_again(uri: str) -> None:
    """As if the half minute were over in which an address of keys is not asked again."""
    cache.delete(f"{key_sets.place(uri)}.asked")
