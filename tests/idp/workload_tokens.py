"""Tokens of workloads: honest ones, and false ones by the name of what is wrong with them."""

import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, KeySet, RSAKey

from tests.idp.oidc import ABSENT, Claims, by_hand, hs256, key, over, part

AUDIENCE, SUBJECT = "https://hq.example/workloads", "repo:alderpeak/api:environment:production"
MINUTE, HOUR, DAY = 60, 3600, 86_400
Key = RSAKey | ECKey


@cache
def curve_key(curve: str) -> ECKey:
    return ECKey.generate_key(curve, {"use": "sig", "kid": f"key on {curve}"})


def honest_claims(issuer: str, **lies: Any) -> Claims:
    """What a runner's token says. A value put over is a lie; ABSENT leaves one out."""
    now = int(time.time())
    claims = {"iss": issuer, "aud": AUDIENCE, "sub": SUBJECT, "iat": now, "nbf": now, "exp": now + 5 * MINUTE}
    return over(claims | {"jti": f"jti-{time.time_ns()}", "repository": "alderpeak/api", "run_attempt": 1}, lies)


def signed(claims: Claims, by: Key | None = None, alg: str = "RS256", **header: Any) -> str:
    """A token with any header at all, signed well."""
    by = by or key("first")
    full = over({"alg": alg, "typ": "JWT", "kid": by.kid}, header)
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = 1024 * 1024
    if by.alg not in {None, alg}:  # a signer may do what the key is not for
        by = type(by).import_key(over(by.as_dict(private=True), {"alg": ABSENT}))
    payload = json.dumps(claims).replace("Infinity", "1e999")  # JSON has no word for it, and yet it can be written
    return jws.serialize_compact(full, payload, by, registry=registry)


def published(*keys: Key) -> bytes:
    """A set of keys as an issuer publishes it."""
    return json.dumps(KeySet(list(keys or [key("first")])).as_dict(private=False)).encode()


def _raw(header: str, payload: str) -> str:
    """Parts that no library would write, over a signature of nothing."""
    return f"{part(header.encode())}.{part(payload.encode())}.{part(b'x' * 256)}"


def _altered(claims: Claims, **changes: Any) -> str:
    header, _, signature = signed(claims).split(".")
    return f"{header}.{part(json.dumps(claims | changes).encode())}.{signature}"


def _without_signature(claims: Claims, alg: str) -> str:
    return by_hand({"alg": alg, "typ": "JWT", "kid": key("first").kid}, claims, lambda _: b"x")


def _shared(claims: Claims, secret: bytes) -> str:
    return hs256(claims, secret, key("first").kid)


def _own_key(claims: Claims, **header: Any) -> str:
    """Signed by the attacker, who brings the key along."""
    stranger = key("a stranger's")
    return signed(claims, stranger, **{"kid": key("first").kid} | header)


def _jwk() -> Claims:
    return key("a stranger's").as_dict(private=False)


Forge = Callable[[Claims], str]
# What is wrong, and the check that has to find it.
FORGED: dict[str, tuple[str, Forge]] = {
    "empty": ("readable", lambda _: ""),
    "nonsense": ("readable", lambda _: "not a token"),
    "two parts": ("readable", lambda claims: signed(claims).rpartition(".")[0]),
    "four parts": ("readable", lambda claims: f"{signed(claims)}.x"),
    "no signature": ("readable", lambda claims: signed(claims).rpartition(".")[0] + "."),
    "a byte order mark": ("readable", lambda claims: "\ufeff" + signed(claims)),
    "a line end": ("readable", lambda claims: signed(claims) + "\n"),
    "padding": ("readable", lambda claims: signed(claims).replace(".", "==.", 1)),
    "another alphabet": ("readable", lambda claims: signed(claims).replace(".", "/.", 1)),
    "huge": ("readable", lambda claims: signed(claims | {"padding": "x" * 16_384})),
    "deep header": ("readable", lambda _: _raw("[" * 5_000, "{}")),
    "deep payload": ("readable", lambda _: _raw("{}", '{"a":' * 2_000)),
    "header is a list": ("readable", lambda _: _raw("[]", "{}")),
    "payload is a text": ("readable", lambda _: _raw("{}", '"text"')),
    "not a number": ("readable", lambda _: _raw("{}", '{"exp": NaN}')),
    "number without end": ("readable", lambda _: _raw("{}", '{"exp": ' + "9" * 5_000 + "}")),
    "a claim twice": ("readable", lambda _: _raw("{}", '{"sub": "one", "sub": "two"}')),
    "a header twice": ("readable", lambda _: _raw('{"alg": "none", "alg": "RS256"}', "{}")),
    "UTF-16": ("readable", lambda _: f"{part('{}'.encode('utf-16'))}.{part(b'{}')}.eA"),
    "encrypted": ("readable", lambda _: "e30.e30.e30.e30.e30"),
    "alg none": ("key", lambda claims: _without_signature(claims, "none")),
    "alg None": ("key", lambda claims: _without_signature(claims, "None")),
    "alg nOnE": ("key", lambda claims: _without_signature(claims, "nOnE")),
    "alg is a list": ("key", lambda _claims: _raw('{"alg": ["RS256"]}', json.dumps(_claims))),
    "alg left out": ("key", lambda claims: _raw('{"kid": "k"}', json.dumps(claims))),
    "HS256 with the public key": ("key", lambda claims: _shared(claims, key("first").as_pem(private=False))),
    "HS256 with the modulus": ("key", lambda claims: _shared(claims, str(key("first").as_dict()["n"]).encode())),
    "HS256 with a weak secret": ("key", lambda claims: _shared(claims, b"secret")),
    "RS512": ("key", lambda claims: signed(claims, alg="RS512")),
    "PS256": ("key", lambda claims: signed(claims, alg="PS256")),
    "ES256 with an RSA key": ("key", lambda claims: _without_signature(claims, "ES256")),
    "embedded jwk": ("key", lambda claims: _own_key(claims, jwk=_jwk())),
    "embedded jwk and no kid": ("key", lambda claims: _own_key(claims, jwk=_jwk(), kid=ABSENT)),
    "jku": ("key", lambda claims: _own_key(claims, jku="https://evil.example/keys")),
    "x5u": ("key", lambda claims: _own_key(claims, x5u="https://evil.example/chain.pem")),
    "x5c": ("key", lambda claims: _own_key(claims, x5c=["MIIB"])),
    "crit": ("key", lambda claims: _raw('{"alg": "RS256", "kid": "k", "crit": ["exp"]}', json.dumps(claims))),
    "b64": ("key", lambda claims: _raw('{"alg": "RS256", "kid": "k", "b64": false}', json.dumps(claims))),
    "a logout token": ("key", lambda claims: signed(claims, typ="logout+jwt")),
    "typ is a number": ("key", lambda claims: _raw('{"alg": "RS256", "kid": "k", "typ": 1}', json.dumps(claims))),
    "kid is null": ("key", lambda claims: _raw('{"alg": "RS256", "kid": null}', json.dumps(claims))),
    "kid is empty": ("key", lambda claims: signed(claims, kid="")),
    "kid is a number": ("key", lambda claims: _raw('{"alg": "RS256", "kid": 1}', json.dumps(claims))),
    "kid is a path": ("key", lambda claims: signed(claims, kid="../../../../dev/null")),
    "kid is SQL": ("key", lambda claims: signed(claims, kid="x' UNION SELECT 'secret' --")),
    "kid is a command": ("key", lambda claims: signed(claims, kid="keys; sleep 10 |")),
    "kid has a null byte": ("key", lambda claims: signed(claims, kid=f"{key('first').kid}\x00")),
    "kid of 10 kB": ("key", lambda claims: signed(claims, kid="k" * 10_000)),
    "kid of nobody": ("key", lambda claims: signed(claims, kid="made-up")),
    "another key": ("signature", lambda claims: signed(claims, key("a stranger's"), kid=key("first").kid)),
    "altered": ("signature", lambda claims: _altered(claims, extra=1)),
    "signature cut off": ("signature", lambda claims: signed(claims)[:-4]),
    "signature of another token": (
        "signature",
        lambda claims: signed(claims).rpartition(".")[0] + "." + signed(claims | {"jti": "b"}).rpartition(".")[2],
    ),
}


def _claimed(**lies: Any) -> Forge:
    return lambda claims: signed(over(claims, lies))


def _timed(**from_now: float) -> Forge:
    return lambda claims: signed(claims | {name: int(time.time()) + add for name, add in from_now.items()})


# Signed well, and yet not what was agreed.
UNFIT: dict[str, tuple[str, Forge]] = {
    "another issuer": ("issuer", _claimed(iss="https://issuer.stranger.example")),
    "a slash more": ("issuer", lambda claims: signed(claims | {"iss": claims["iss"] + "/"})),
    "capital letters": ("issuer", lambda claims: signed(claims | {"iss": claims["iss"].upper()})),
    "no issuer": ("issuer", _claimed(iss=ABSENT)),
    "issuer in a list": ("issuer", lambda claims: signed(claims | {"iss": [claims["iss"]]})),
    "over": ("time", _timed(iat=-HOUR, nbf=-HOUR, exp=-1)),
    "no exp": ("time", _claimed(exp=ABSENT)),
    "exp is null": ("time", _claimed(exp=None)),
    "exp is a text": ("time", _claimed(exp="9999999999")),
    "exp is true": ("time", _claimed(exp=True)),
    "exp without end": ("time", _claimed(exp=1e308 * 10)),
    "exp is enormous": ("time", _claimed(exp=10**400)),
    "for more than a day": ("time", _timed(exp=DAY + 6 * MINUTE)),
    "for a year": ("time", _timed(exp=365 * DAY)),
    "no iat": ("time", _claimed(iat=ABSENT)),
    "from the future": ("time", _timed(iat=2 * MINUTE, nbf=0, exp=HOUR)),
    "made after its end": ("time", _timed(iat=50, exp=20)),
    "not valid yet": ("time", _timed(nbf=2 * MINUTE)),
    "nbf is a text": ("time", _claimed(nbf="now")),
    "nbf is true": ("time", _claimed(nbf=True)),
    "another audience": ("audience", _claimed(aud="https://other.example")),
    "no audience": ("audience", _claimed(aud=ABSENT)),
    "empty audience": ("audience", _claimed(aud=[])),
    "several audiences": ("audience", _claimed(aud=[AUDIENCE, "https://other.example"])),
    "the audience twice": ("audience", _claimed(aud=[AUDIENCE, AUDIENCE])),
    "audience in an object": ("audience", _claimed(aud={"0": AUDIENCE})),
    "another subject": ("subject", _claimed(sub="repo:alderpeak/api:ref:refs/heads/main")),
    "subject with more": ("subject", _claimed(sub=f"{SUBJECT}2")),
    "subject with a star": ("subject", _claimed(sub="repo:alderpeak/*")),
    "no subject": ("subject", _claimed(sub=ABSENT)),
    "subject is a list": ("subject", _claimed(sub=[SUBJECT])),
    "another repository": ("claim:repository", _claimed(repository="alderpeak/web")),
    "no repository": ("claim:repository", _claimed(repository=ABSENT)),
    "repository in a list": ("claim:repository", _claimed(repository=["alderpeak/api"])),
    "attempt is a text": ("claim:run_attempt", _claimed(run_attempt="1")),
    "attempt is true": ("claim:run_attempt", _claimed(run_attempt=True)),
    "no id": ("once", _claimed(jti=ABSENT)),
    "id is empty": ("once", _claimed(jti="")),
    "id is a number": ("once", _claimed(jti=1)),
    "id of 10 kB": ("once", _claimed(jti="j" * 10_000)),
}
CLAIMS: dict[str, str | int | float | bool] = {"repository": "alderpeak/api", "run_attempt": 1}
