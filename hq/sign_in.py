"""Providers by which anybody may sign in, as the environment names them (ACC-6)."""

import os
import re
from typing import Literal, NotRequired, TypedDict

from django.core.exceptions import ImproperlyConfigured

from hq import env

# Part of addresses and of accounts. Names that begin like those of organizations' own connections are not free.
NAME = re.compile(r"(?!sso-)[a-z][a-z0-9-]{0,29}")
FORMER = ("HQ_GOOGLE_CLIENT_ID", "HQ_GOOGLE_CLIENT_SECRET")


class SignInProvider(TypedDict):
    """One provider. `url` and `api`: where GitHub is, when it is not the public one."""

    kind: Literal["openid", "github"]
    title: str
    client_id: str
    secret: str
    issuer: str
    url: NotRequired[str]
    api: NotRequired[str]


KNOWN = {"google": ("Google", "https://accounts.google.com"), "github": ("GitHub", "")}


def from_environment() -> dict[str, SignInProvider]:
    """By name, in the order in which they are offered. Raises ImproperlyConfigured."""
    if any(name in os.environ or f"{name}_FILE" in os.environ for name in FORMER):
        raise ImproperlyConfigured(
            "HQ_GOOGLE_CLIENT_ID is now HQ_SIGN_IN_GOOGLE_CLIENT_ID, the secret likewise, with "
            "HQ_SIGN_IN_PROVIDERS=google."
        )
    return {name: _provider(name) for words in env.words("HQ_SIGN_IN_PROVIDERS") for name in words.split()}


def _provider(name: str) -> SignInProvider:
    if not NAME.fullmatch(name):
        raise ImproperlyConfigured(f"HQ_SIGN_IN_PROVIDERS: {name} is not a name of small letters, digits and dashes.")
    own = f"HQ_SIGN_IN_{name.upper().replace('-', '_')}"
    title, issuer = KNOWN.get(name, (name.capitalize(), None))
    return SignInProvider(
        kind="github" if name == "github" else "openid",
        title=env.text(f"{own}_TITLE", title),
        client_id=env.text(f"{own}_CLIENT_ID"),
        secret=env.text(f"{own}_CLIENT_SECRET"),
        issuer=env.text(f"{own}_ISSUER", issuer),
    )
