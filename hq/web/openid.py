"""Signing in by an OpenID provider: what HQ asks, and everything about the answer that a client can check.

References: OpenID Connect Core 1.0, 3.1.2.1 and 3.1.3.7; RFC 9207.
"""

from hq.crypto.secrets import random_token
from hq.lib.openid import Claims, Document, NotTrusted, UnknownKey, answered, completed, discover, verified
from hq.web import key_sets, oauth
from hq.web.oauth import Answer, Client, Kept
from hq.web.outbound import outbound, rules

SCOPE = "openid profile email"


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
        return verified(id_token, key_sets.published(uri), issuer=issuer, client_id=client.id, nonce=nonce)
    except UnknownKey as unknown:
        keys = key_sets.newer(uri, unknown.kid)
        return verified(id_token, keys, issuer=issuer, client_id=client.id, nonce=nonce)
