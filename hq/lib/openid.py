"""OpenID Connect as a client has to check it: what a provider says of itself, and the id_token.

References: OpenID Connect Discovery 1.0; OpenID Connect Core 1.0, sections 3.1.3.7 and 5.3.2; RFC 8414; RFC 9207.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypedDict
from urllib.parse import urlsplit

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from joserfc.util import base64_to_int
from requests import Response

from hq.lib.errors import Invalid
from hq.lib.outbound import Exchange, NotFetched, OutboundSession, Rules, fetch

GOOGLE = "https://accounts.google.com"  # one issuer for every Workspace, and for everybody else
WELL_KNOWN = "/.well-known/openid-configuration"
# Signatures by a key of the provider's. Never "none", and no HMAC: there the key would be one that others hold too.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY = 60  # seconds by which two clocks may differ
LONGEST_SUB = 191  # what allauth keeps
LONGEST_ADDRESS = 2000

Claims = dict[str, Any]


class NotAProvider(Invalid):
    """There is no OpenID provider at this address."""


class NotTrusted(Invalid):
    """The provider’s answer does not hold."""


class UnknownKey(NotTrusted):
    """The provider has published no key of this name."""

    def __init__(self, kid: str = "") -> None:
        super().__init__()
        self.kid = kid


class Document(TypedDict):
    """What is kept of a provider's discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str  # "" if there is none
    basic: bool  # it takes the client's secret by HTTP Basic only
    names_itself: bool  # it adds `iss` to what the browser brings back (RFC 9207)


def read_object(body: bytes) -> Claims:
    """A JSON object.

    Raises:
        NotTrusted: it is something else.
    """
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        raise NotTrusted("The provider answers with something that is not JSON.") from None
    if not isinstance(read, dict):
        raise NotTrusted("The provider answers with JSON of another kind than was asked for.")
    return read


def answered(response: Response) -> Claims:
    """The JSON object of an answer that grants what was asked.

    Raises:
        NotTrusted: it refuses, or is something else.
    """
    if response.status_code != 200:
        raise NotTrusted(f"The provider answers {response.status_code}, where 200 was expected.")
    return read_object(response.content)


# ---- what a provider says of itself


def discover(session: OutboundSession, issuer: str, rules: Rules) -> Document:
    """Fetch and check what the provider says of itself. Its end points and its keys are looked at too.

    Raises:
        NotFetched: something cannot be had, or is at an address that must not be fetched.
        NotAProvider: it is no OpenID provider, or none that HQ can work with.
    """
    issuer = issuer.strip()
    document = _document(_said_of_itself(session, issuer), issuer)
    with _named("token_endpoint"):
        _look_at(document["token_endpoint"], rules)
    if document["userinfo_endpoint"]:
        with _named("userinfo_endpoint"):
            _look_at(document["userinfo_endpoint"], rules)
    with _named("jwks_uri"):
        read_keys(fetch(session, document["jwks_uri"], accept="application/json"))
    return document


def find_key_set(session: OutboundSession, issuer: str) -> str:
    """Where an issuer publishes its keys. It need not sign people in: workloads' tokens ask for no more than that.

    Raises:
        NotFetched: what it says of itself cannot be had, or is at an address that must not be fetched.
        NotAProvider: it says nothing of itself, or calls itself otherwise.
    """
    return _address(_said_of_itself(session, issuer), "jwks_uri", issuer)


def _said_of_itself(session: OutboundSession, issuer: str) -> Claims:
    if not issuer.isprintable() or len(issuer) > LONGEST_ADDRESS or "?" in issuer:
        raise NotAProvider("This is not an issuer. It is an address like https://id.example.com")
    try:
        found = read_object(fetch(session, issuer.rstrip("/") + WELL_KNOWN, accept="application/json"))
    except NotTrusted as error:
        raise NotAProvider(f"There is no OpenID provider at this address. {error}") from None
    if found.get("issuer") != issuer:
        raise NotAProvider("The provider calls itself otherwise. Write the issuer exactly as the provider does.")
    return found


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Say which of its addresses it was."""
    try:
        yield
    except NotFetched as error:
        raise type(error)(f"The provider’s {name}: {error}") from None
    except NotTrusted as error:
        raise NotAProvider(f"The provider’s {name}: {error}") from None


def _document(found: Claims, issuer: str) -> Document:
    if "code" not in _words(found, "response_types_supported", "code"):
        raise NotAProvider("The provider does not offer signing in by code.")
    if not set(ALGORITHMS) & set(_words(found, "id_token_signing_alg_values_supported", "RS256")):
        raise NotAProvider("The provider signs only in ways that HQ does not accept.")
    methods = _words(found, "token_endpoint_auth_methods_supported", "client_secret_basic")
    if not {"client_secret_post", "client_secret_basic"} & set(methods):
        raise NotAProvider("The provider takes no client secret.")
    return Document(
        issuer=issuer,
        authorization_endpoint=_address(found, "authorization_endpoint", issuer),
        token_endpoint=_address(found, "token_endpoint", issuer),
        jwks_uri=_address(found, "jwks_uri", issuer),
        userinfo_endpoint=_address(found, "userinfo_endpoint", issuer) if "userinfo_endpoint" in found else "",
        basic="client_secret_post" not in methods,
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _words(found: Claims, name: str, default: str) -> list[str]:
    words = found.get(name, [default])
    return [word for word in words if isinstance(word, str)] if isinstance(words, list) else []


def _address(found: Claims, name: str, issuer: str) -> str:
    """An end point, over TLS if the provider itself is. The browser is sent to one of them: no other scheme."""
    url = found.get(name)
    if not isinstance(url, str) or not url.isprintable() or " " in url or len(url) > LONGEST_ADDRESS:
        raise NotAProvider(f"The provider gives no {name}.")
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc and "#" not in url
    except ValueError:
        usable = False
    if not usable or parts.scheme not in {"https", urlsplit(issuer).scheme}:
        raise NotAProvider(f"The provider gives a {name} that cannot be used.")
    return url


def _look_at(url: str, rules: Rules) -> None:
    """Connect to the end point's server and say nothing. Raises NotFetched."""
    parts = urlsplit(url)
    encrypted = parts.scheme == "https"
    Exchange(rules).open(str(parts.hostname), parts.port or (443 if encrypted else 80), encrypted=encrypted).close()


# ---- its keys


def read_keys(body: bytes) -> KeySet:
    """The keys in a JWK set that can sign (RFC 7517). Those of a kind that is not known are passed over.

    So are those that prove nothing: RSA below 2048 bits, and a private key, which every reader of the set can use.

    Raises:
        NotTrusted: it is no set, or none of its keys can be used.
    """
    members = read_object(body).get("keys")
    keys: list[Key] = []
    for member in members if isinstance(members, list) else []:
        if not isinstance(member, dict) or member.get("kty") not in {"RSA", "EC"} or member.get("use") == "enc":
            continue
        try:
            if "d" not in member and _strong(member):
                keys.append(JWKRegistry.import_key(member))
        except (JoseError, ValueError, TypeError, KeyError):
            continue  # RFC 7517, section 5: not understood is not there
    if not keys:
        raise NotTrusted("There is no key that can be used.")
    return KeySet(keys)


def _strong(member: Claims) -> bool:
    """RSA of a size that cannot be taken apart, and that does not take long either. Curves are of one size each."""
    return member["kty"] != "RSA" or 2048 <= base64_to_int(member["n"]).bit_length() <= 8192


# ---- the id_token


def verified(id_token: object, keys: KeySet, *, issuer: str, client_id: str, nonce: str) -> Claims:
    """The claims of an id_token that the issuer made for this client and this very sign-in.

    Raises:
        UnknownKey: the provider may have published it since.
        NotTrusted: anything else about the token is wrong.
    """
    if not isinstance(id_token, str) or not nonce:
        raise NotTrusted("The provider sends no id_token.")
    _known_key(id_token, keys)
    expected: Any = {name: {"essential": True} for name in ("sub", "exp", "iat")}
    expected |= {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
    try:
        claims = jwt.decode(id_token, keys, algorithms=ALGORITHMS).claims
        jwt.JWTClaimsRegistry(leeway=LEEWAY, **expected).validate(claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotTrusted(f"The provider’s id_token does not hold: {error}") from None
    _meant_for_us(claims, client_id, nonce)
    return claims


def _known_key(id_token: str, keys: KeySet) -> None:
    """Tell a key that is not known from everything else: only then may asking for the keys again help."""
    try:
        header = jws.extract_compact(id_token.encode()).headers()
    except (JoseError, ValueError, TypeError):
        raise NotTrusted("The provider’s id_token cannot be read.") from None
    kid = header.get("kid")
    if kid is None and len(keys.keys) == 1:
        return
    if not isinstance(kid, str) or kid not in {key.kid for key in keys}:
        raise UnknownKey(kid if isinstance(kid, str) else "")


def _meant_for_us(claims: Claims, client_id: str, nonce: str) -> None:
    """One audience, and nobody else it was issued to; the nonce of this sign-in; a subject that can be kept."""
    if claims["aud"] not in (client_id, [client_id]) or claims.get("azp", client_id) != client_id:
        raise NotTrusted("The provider’s id_token is for somebody else too.")
    if claims.get("nonce") != nonce:
        raise NotTrusted("The provider’s id_token belongs to another sign-in.")
    sub = claims["sub"]
    if not isinstance(sub, str) or not sub.strip() or not sub.isprintable() or len(sub) > LONGEST_SUB:
        raise NotTrusted("The provider’s id_token names nobody.")


def completed(claims: Claims, userinfo: Mapping[str, Any]) -> Claims:
    """The claims with what the provider tells only when asked. What was signed counts first.

    Raises:
        NotTrusted: it tells of somebody else.
    """
    if userinfo.get("sub") != claims["sub"]:
        raise NotTrusted("The provider tells of somebody else than its id_token does.")
    both = {**userinfo, **claims}
    if "email_verified" not in claims and userinfo.get("email") != both.get("email"):
        both.pop("email_verified", None)  # that was said of another address
    return both
