"""An OpenID provider that keeps to the specification until a test makes it lie (`Provider.lie`, or its attributes)."""

import hashlib
import hmac
import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug import Request, Response

from tests.idp.loopback import BODIES, METADATA_SERVICE, Loopback, refused, s256, sent_on, told

CLIENT_ID, CLIENT_SECRET = "hq-at-alderpeak", "the-secret-that-the-provider-gave-to-hq"
DISCOVERY, TOKEN, JWKS, USERINFO = "/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"
ABSENT: Any = object()  # in place of a value: leave this one out
HOUR, DAY = 3600, 86_400

Claims = dict[str, Any]


@cache
def key(name: str) -> RSAKey:
    """The same key for a name in the whole run: making one takes long."""
    made = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, private=True)
    made.ensure_kid()
    return made


# ---- signatures: how the id_token is signed, honestly and otherwise


def part(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def by_hand(header: Claims, claims: Claims, sign: Callable[[bytes], bytes]) -> str:
    """What no library would sign."""
    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(sign(signed.encode()))}"


def _hs256(provider: "Provider", claims: Claims, secret: bytes) -> str:
    return hs256(claims, secret, provider.key.kid)


def hs256(claims: Claims, secret: bytes, kid: str | None) -> str:
    """Whoever knows the secret can make this."""
    header = {"alg": "HS256", "typ": "JWT", "kid": kid}
    return by_hand(header, claims, lambda signed: hmac.new(secret, signed, hashlib.sha256).digest())


def _rs256(claims: Claims, by: RSAKey, kid: str | None) -> str:
    return jwt.encode({"alg": "RS256"} | ({"kid": kid} if kid else {}), claims, by)


def _changed(provider: "Provider", claims: Claims) -> str:
    """Signed rightly, then another person's name put in."""
    header, _, signature = _rs256(claims, provider.key, provider.key.kid).split(".")
    return f"{header}.{part(json.dumps(claims | {'sub': 'somebody-else'}).encode())}.{signature}"


SIGNATURES: dict[str, Callable[["Provider", Claims], str]] = {
    "RS256": lambda p, claims: _rs256(claims, p.key, p.key.kid),
    "RS256 without a kid": lambda p, claims: _rs256(claims, p.key, None),  # honest too, while there is one key
    "none": lambda p, claims: by_hand({"alg": "none"}, claims, lambda _: b""),
    "cut off": lambda p, claims: by_hand({"alg": "RS256", "kid": p.key.kid}, claims, lambda _: b""),
    "HS256 with the public key": lambda p, claims: _hs256(p, claims, p.key.as_pem(private=False)),
    "HS256 with the client secret": lambda p, claims: _hs256(p, claims, CLIENT_SECRET.encode()),
    "another key": lambda p, claims: _rs256(claims, key("a stranger's"), p.key.kid),
    "unknown kid": lambda p, claims: _rs256(claims, p.key, "no-such-key"),
    "changed afterwards": _changed,
}


# ---- the provider


@dataclass(frozen=True)
class Grant:
    """What a code stands for."""

    redirect_uri: str
    nonce: str
    challenge: str


class Provider(Loopback):
    """Honest by default. A lie is a value put over the true one; ABSENT leaves it out."""

    routes: ClassVar = {
        DISCOVERY: "discover",
        "/authorize": "ask",
        TOKEN: "exchange",
        JWKS: "publish",
        USERINFO: "describe",
    }

    def __init__(self) -> None:
        super().__init__()
        self.user: Claims = {
            "sub": "00u-ines",
            "email": "ines@alderpeak.example",
            "email_verified": True,
            "name": "Ines Alder",
        }
        self.discovery: Claims = {}  # over the discovery document
        self.callback: Claims = {}  # over what the browser brings back
        self.claims: Claims = {}  # over the id_token's claims
        self.userinfo: Claims = {}  # over what /userinfo says
        self.signature = "RS256"
        self.pkce = True  # False: an old provider, which neither offers PKCE nor looks at a challenge or a verifier
        self.key: RSAKey = key("first")
        self.codes: dict[str, Grant] = {}
        self.access_tokens: set[str] = set()

    def lie(self, name: str) -> None:
        """Take up one of the lies below."""
        LIES[name](self)

    def rotate(self) -> None:
        """Sign with a new key from now on, and publish no other: nothing dishonest."""
        self.key = key("second")

    def discover(self, request: Request, values: dict[str, str]) -> Response:
        at = self.address
        document: Claims = {
            "issuer": at,
            "authorization_endpoint": f"{at}/authorize",
            "token_endpoint": f"{at}{TOKEN}",
            "userinfo_endpoint": f"{at}{USERINFO}",
            "jwks_uri": f"{at}{JWKS}",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "scopes_supported": ["openid", "profile", "email"],
            "authorization_response_iss_parameter_supported": True,
        }
        if self.pkce:
            document["code_challenge_methods_supported"] = ["S256"]
        return told(over(document, self.discovery))

    def ask(self, request: Request, values: dict[str, str]) -> Response:
        """The person is signed in and agrees at once."""
        redirect_uri = values.get("redirect_uri", "")
        if values.get("client_id") != CLIENT_ID or not redirect_uri:
            return refused(400, "invalid_client", "No such client, or nowhere to go back to.")
        answer: Claims = {"state": values.get("state", ABSENT), "iss": self.address}
        if error := self._not_asked_well(values):
            return sent_on(redirect_uri, over(answer | {"error": error}, self.callback))
        code = secrets.token_urlsafe(16)
        self.codes[code] = Grant(redirect_uri, values.get("nonce", ""), values.get("code_challenge", ""))
        return sent_on(redirect_uri, over(answer | {"code": code}, self.callback))

    def _not_asked_well(self, values: dict[str, str]) -> str:
        if values.get("response_type") != "code":
            return "unsupported_response_type"
        if "openid" not in values.get("scope", "").split():
            return "invalid_scope"
        challenged = values.get("code_challenge") and values.get("code_challenge_method") == "S256"
        return "" if challenged or not self.pkce else "invalid_request"

    def exchange(self, request: Request, values: dict[str, str]) -> Response:
        """A code for tokens, once, to the client that asked and holds the verifier."""
        basic = request.authorization
        client = (basic.username, basic.password) if basic else (values.get("client_id"), values.get("client_secret"))
        if client != (CLIENT_ID, CLIENT_SECRET):
            return refused(401, "invalid_client", "Wrong client or secret.")
        grant = self.codes.pop(values.get("code", ""), None)
        if grant is None or values.get("grant_type") != "authorization_code":
            return refused(400, "invalid_grant", "No such code, or it was used.")
        if grant.redirect_uri != values.get("redirect_uri"):
            return refused(400, "invalid_grant", "Another redirect_uri than before.")
        if self.pkce and grant.challenge != s256(values.get("code_verifier", "")):
            return refused(400, "invalid_grant", "Wrong code_verifier.")
        return told(self._tokens(grant))

    def _tokens(self, grant: Grant) -> Claims:
        access_token = secrets.token_urlsafe(16)
        self.access_tokens.add(access_token)
        now = int(time.time())
        claims = self.user | {"iss": self.address, "aud": CLIENT_ID, "iat": now, "exp": now + HOUR, "auth_time": now}
        claims["nonce"] = grant.nonce or ABSENT
        id_token = SIGNATURES[self.signature](self, over(claims, self.claims))
        return {"access_token": access_token, "token_type": "Bearer", "expires_in": HOUR, "id_token": id_token}

    def publish(self, request: Request, values: dict[str, str]) -> Response:
        return told(KeySet([self.key]).as_dict(private=False))

    def describe(self, request: Request, values: dict[str, str]) -> Response:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.access_tokens:
            return refused(401, "invalid_token", "No such access token.")
        return told(over(self.user, self.userinfo))


def over(true: Claims, lies: Claims) -> Claims:
    return {name: value for name, value in (true | lies).items() if value is not ABSENT}


# ---- lies

Lie = Callable[[Provider], object]


def _claims(**lies: Any) -> Lie:
    return lambda provider: provider.claims.update(lies)


def _times(**from_now: int) -> Lie:
    return lambda provider: provider.claims.update({name: int(time.time()) + add for name, add in from_now.items()})


def _signed(how: str) -> Lie:
    return lambda provider: setattr(provider, "signature", how)


def _found(**lies: Any) -> Lie:
    return lambda provider: provider.discovery.update(lies)


def _brought(**lies: Any) -> Lie:
    return lambda provider: provider.callback.update(lies)


def _answers(path: str, body: str) -> Lie:
    return lambda provider: provider.bodies.update({path: body})


# Nobody is signed in by any of these.
TOKEN_LIES: dict[str, Lie] = {
    "wrong nonce": _claims(nonce="another-persons-nonce"),
    "no nonce": _claims(nonce=ABSENT),
    "wrong issuer": _claims(iss="https://idp.stranger.example"),
    "no issuer": _claims(iss=ABSENT),
    "wrong audience": _claims(aud="another-client"),
    "no audience": _claims(aud=ABSENT),
    "several audiences without azp": _claims(aud=[CLIENT_ID, "another-client"]),
    "several audiences, azp another": _claims(aud=[CLIENT_ID, "another-client"], azp="another-client"),
    "azp another": _claims(azp="another-client"),
    "expired": _times(iat=-2 * HOUR, exp=-HOUR),
    "no expiry": _claims(exp=ABSENT),
    "issued in the future": _times(iat=DAY, exp=2 * DAY),
    "no issue time": _claims(iat=ABSENT),
    "not valid yet": _times(nbf=HOUR),
    "no sub": _claims(sub=ABSENT),
    "empty sub": _claims(sub=""),
    "sub is no text": _claims(sub=["00u-ines"]),
    "userinfo of another sub": lambda provider: provider.userinfo.update(sub="00u-somebody-else"),
} | {f"signature: {how}": _signed(how) for how in SIGNATURES if how not in {"RS256", "RS256 without a kid"}}

# An address that is none, or that the provider does not vouch for.
EMAIL_LIES: dict[str, Lie] = {
    "no email": lambda provider: provider.user.pop("email"),
    "email not verified": lambda provider: provider.user.update(email_verified=False),
}

# RFC 9207: what the browser brings back names the provider that it comes from.
CALLBACK_LIES: dict[str, Lie] = {
    "iss of another provider": _brought(iss="https://idp.stranger.example"),
    "iss left out": _brought(iss=ABSENT),
    "state of another": _brought(state="another-persons-state"),
    "state left out": _brought(state=ABSENT),
}

# What must not be saved, or not be asked.
DISCOVERY_LIES: dict[str, Lie] = {
    "another issuer": _found(issuer="https://idp.stranger.example"),
    "no issuer in discovery": _found(issuer=ABSENT),
    "token endpoint is the metadata service": _found(token_endpoint=METADATA_SERVICE),
    "keys are at the metadata service": _found(jwks_uri=METADATA_SERVICE),
    "userinfo is at the metadata service": _found(userinfo_endpoint=METADATA_SERVICE),
    "keys are in a file": _found(jwks_uri="file:///etc/passwd"),
    "token endpoint on another host": _found(token_endpoint="https://idp.stranger.example/token"),
    "keys on another host": _found(jwks_uri="https://idp.stranger.example/jwks"),
    "sends the browser to a script": _found(authorization_endpoint="javascript:alert(1)"),
}

BODY_LIES: dict[str, Lie] = {
    f"{name} answers {body}": _answers(path, body)
    for name, path in (("discovery", DISCOVERY), ("token", TOKEN), ("keys", JWKS), ("userinfo", USERINFO))
    for body in BODIES
}

LIES = TOKEN_LIES | EMAIL_LIES | CALLBACK_LIES | DISCOVERY_LIES | BODY_LIES
