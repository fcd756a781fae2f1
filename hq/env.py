"""Typed readers of the environment. `NAME_FILE` names a file that holds the value of `NAME` (OPS-5)."""

import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured

_RATE = re.compile(r"([1-9][0-9]{0,8})/([smhd])")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Rate(NamedTuple):
    """So many in so many seconds."""

    most: int
    seconds: int


def text(name: str, default: str | None = None) -> str:
    """The value of `name`, or what the file named by `name_FILE` holds, or the default. Raises ImproperlyConfigured."""
    if (path := os.environ.get(f"{name}_FILE")) is not None:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}.") from error
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"{name} or {name}_FILE must be set.")
    return value


def number(name: str, default: int) -> int:
    """A whole number."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    try:
        return int(raw)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number.") from error


def flag(name: str, *, default: bool) -> bool:
    """A yes or no; anything but the words below is refused rather than guessed."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if raw.lower() not in words:
        raise ImproperlyConfigured(f"{name} must be true or false.")
    return words[raw.lower()]


def choice(name: str, *choices: str) -> str:
    """One of these words, the first when unset."""
    raw = os.environ.get(name, choices[0])
    if raw not in choices:
        raise ImproperlyConfigured(f"{name} must be {' or '.join(choices)}.")
    return raw


def words(name: str) -> list[str]:
    """A comma-separated list; empty when unset."""
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Networks in CIDR notation, as words are; empty when unset."""
    try:
        return [ip_network(word) for word in words(name)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be networks like 10.20.0.0/16: {error}.") from error


def rate(name: str, default: str) -> Rate:
    """How many of something in a second, a minute, an hour or a day: `6000/m`. A million a second at most."""
    found = _RATE.fullmatch(os.environ.get(name, default))
    if found is None or int(found[1]) > 1_000_000 * (seconds := _SECONDS[found[2]]):
        raise ImproperlyConfigured(f"{name} must be a rate like 6000/m (s, m, h, d), of a million a second at most.")
    return Rate(int(found[1]), seconds)


def named_secrets(name: str) -> dict[str, bytes]:
    """Secrets by their names, `new:secret old:secret`, in the order given; empty when unset.

    Raises ImproperlyConfigured, never with a secret in it, also for one of less than 32 bytes.
    """
    found: dict[str, bytes] = {}
    for word in text(name, "").split():
        key, colon, secret = word.partition(":")
        if not colon or not _NAME.fullmatch(key) or key in found:
            raise ImproperlyConfigured(f"{name} must be different names with a secret each, like k2:… k1:….")
        if len(secret.encode()) < 32:
            raise ImproperlyConfigured(f"{name} has a secret of less than 32 bytes.")
        found[key] = secret.encode()
    return found


def path(name: str, default: Path) -> Path:
    """An absolute path."""
    return Path(os.environ.get(name) or default).absolute()
