"""Signing in by an OpenID provider: what HQ asks, and everything about the answer that a client can check.

References: OpenID Connect Core 1.0, 3.1.2.1 and 3.1.3.7; RFC 9207.
"""

from hashlib import sha256

from django.core.cache import cache
from joserfc.jwk import KeySet

from hq.crypto.secrets import random_token
from hq.lib.openid import Claims, Document, NotTrusted, UnknownKey, answered, completed, discover, read_keys, verified
from hq.lib.outbound import fetch
from hq.web import oauth
from hq.web.oauth import Answer, Client, Kept
from hq.web.outbound import outbound, rules

SCOPE = "openid profile email"
KEYS_LIVE = 600  # seconds; a provider that changes its keys publishes the new one earlier
ASK_AGAIN_AFTER = 30  # seconds; made-up names of keys must not make us a flood


class AnotherProvider(NotTrusted):
    """The answer comes from another provider than the one that was asked."""


def read_issuer(issuer: str) -> Document:
    """What the provider says of itself, checked. Raises NotFetched, NotAProvider."""
    with outbound() as session:
        return discover(session, issuer, rules())


def ask(document: Document, client: Client, *, state: str) -> tuple[str, Kept]:
    """Where to send the browser, and what its session keeps."""
    nonce = random_token()
    more = {"scope": SCOPE, "nonce": nonce}
    url, kept = oauth.ask(document["authorization_endpoint"], client, state=state, more=more)
    return url, {**kept, "nonce": nonce}


def receive(document: Document, client: Client, *, answer: Answer, kept: Kept) -> Claims:
    """What the provider says of the person who came back with this answer.

    Raises:
        Cancelled: they stopped there.
        NotFetched, NotTrusted: it cannot be had, or does not hold.
    """
    _check_sender(document, answer)
    given = oauth.exchange(document["token_endpoint"], client, answer=answer, kept=kept)
    claims = _verified(given.get("id_token"), document, client, kept.get("nonce", ""))
    if not document["userinfo_endpoint"]:
        return claims
    return completed(claims, answered(oauth.ask_with(given["access_token"], document["userinfo_endpoint"])))


def _check_sender(document: Document, answer: Answer) -> None:
    """Whose answer it is, before the code is given to anybody (RFC 9207)."""
    issuer = answer.get("iss")
    if issuer is None and document["names_itself"]:
        raise AnotherProvider("The answer does not say which provider it comes from, and this one always does.")
    if issuer is not None and issuer != document["issuer"]:
        raise AnotherProvider


def _verified(id_token: object, document: Document, client: Client, nonce: str) -> Claims:
    uri, issuer = document["jwks_uri"], document["issuer"]
    try:
        return verified(id_token, published_keys(uri), issuer=issuer, client_id=client.id, nonce=nonce)
    except UnknownKey:
        return verified(id_token, newer_keys(uri), issuer=issuer, client_id=client.id, nonce=nonce)


def _place(uri: str) -> str:
    return f"openid.keys.{sha256(uri.encode()).hexdigest()}"


def published_keys(uri: str) -> KeySet:
    """The provider's keys, as they were within the last ten minutes. Raises NotFetched, NotTrusted."""
    body: bytes | None = cache.get(_place(uri))
    return read_keys(body) if body is not None else _fetch_keys(uri)


def newer_keys(uri: str) -> KeySet:
    """The provider's keys as they are now; asked for once in half a minute, whatever comes of it.

    Raises:
        UnknownKey: they were asked for just now.
        NotFetched, NotTrusted: they cannot be had.
    """
    if not cache.add(f"{_place(uri)}.asked", True, ASK_AGAIN_AFTER):
        raise UnknownKey
    return _fetch_keys(uri)


def _fetch_keys(uri: str) -> KeySet:
    with outbound() as session:
        body = fetch(session, uri, accept="application/json")
    keys = read_keys(body)
    cache.set(_place(uri), body, KEYS_LIVE)
    return keys
