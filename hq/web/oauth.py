"""Both messages of OAuth's authorization code, by a client that judges where it connects to (RFC 6749, 7636, 9700).

Nothing in them comes from the visitor's address. PKCE is always used, always by S256.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from requests import Response
from requests.auth import HTTPBasicAuth

from hq.crypto.secrets import digest, random_token
from hq.lib.openid import Claims, NotTrusted, answered
from hq.web.outbound import outbound

Answer = Mapping[str, Any]  # what the browser brings back
Kept = dict[str, str]  # what only the browser's session knows until then


class Cancelled(NotTrusted):
    """Somebody stopped at the provider."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who HQ is at a provider, and the one address to which the browser is sent back."""

    id: str
    secret: str = field(repr=False)
    back: str
    basic: bool = False  # the secret goes by HTTP Basic


def new_state() -> str:
    """A name for one sign-in, which only the browser that begins it may come back with."""
    return random_token()


def ask(endpoint: str, client: Client, *, state: str, more: Mapping[str, str]) -> tuple[str, Kept]:
    """Where to send the browser, and what to keep."""
    kept = {"verifier": random_token()}
    query = {
        **more,
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": client.back,
        "state": state,
        "code_challenge": _s256(kept["verifier"]),
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", kept


def _s256(verifier: str) -> str:
    return urlsafe_b64encode(digest(verifier)).decode().rstrip("=")


def exchange(endpoint: str, client: Client, *, answer: Answer, kept: Kept) -> Claims:
    """Give the code away for an access token, and what comes with it.

    Raises:
        Cancelled: the person stopped.
        NotFetched, NotTrusted: the provider cannot be reached, refuses, or answers with something else.
    """
    code, error = answer.get("code"), answer.get("error")
    if error == "access_denied":
        raise Cancelled
    if error or not isinstance(code, str) or not code or "verifier" not in kept:
        raise NotTrusted("The provider sends no code.")
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.back,
        "code_verifier": kept["verifier"],
    }
    auth = HTTPBasicAuth(client.id.encode(), client.secret.encode()) if client.basic else None
    if auth is None:
        body |= {"client_id": client.id, "client_secret": client.secret}
    with outbound() as session:
        given = answered(session.post(endpoint, data=body, auth=auth, headers={"Accept": "application/json"}))
    token = given.get("access_token")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise NotTrusted("The provider gives no access token.")
    return given


def ask_with(access_token: str, url: str) -> Response:
    """What the provider tells to who holds the token. Raises NotFetched."""
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
    with outbound() as session:
        return session.get(url, headers=headers)
