"""Tokens by which workloads say who they are: what a cloud or a cluster signs for a machine that runs in it.

A token is checked against what somebody wrote down beforehand: who signs it, for whom, about whom. Nothing in the token
decides how it is checked. Every check has a name and a sentence, and they are made in one order, so that the reason of
a refusal is the first that failed, whoever asks.

References: RFC 7515, RFC 7517, RFC 7519; RFC 8725 (best current practices); RFC 8693, section 2.1.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, TypeGuard

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet
from joserfc.util import urlsafe_b64decode

from hq.lib.errors import Invalid

# A key of the issuer's, of a size that says enough. Never "none", and no HMAC: there the key would be a shared one.
CURVES: Final = {"RS256": None, "ES256": "P-256", "ES384": "P-384"}
MOST_CHARACTERS = 16 * 1024
MOST_KID = 255
LEEWAY = 60  # seconds by which the issuer's clock may be ahead
LONGEST_LIFE = 24 * 3600 + 300  # seconds; what clouds make by themselves, Entra with five minutes before the day

# Headers that bring a key, lead to one, or change how the rest is read. Those of ours do none of it (RFC 8725, 3.10).
_NOT_OURS: Final = ("crit", "jku", "jwk", "x5c", "x5u", "b64")
# What a token may call itself; others are made for another purpose (RFC 8725, 3.11).
_TYPES: Final = frozenset({"jwt", "at+jwt"})
_SHOWN = 120
_REGISTRY = jws.JWSRegistry(algorithms=list(CURVES), strict_check_header=False)
_SEGMENTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)

ClaimValue = str | int | float | bool
Claims = dict[str, Any]
# The issuer's keys, among them the one of this name; "": the token names none. Raises UnknownKey, NotTrusted or
# NotFetched, all of which are Invalid.
FindKeys = Callable[[str], KeySet]


class NotReadable(Invalid):
    """This is not a token that can be read."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say. `claims`: further ones, by name; see `find_claim`. `once`: it has to name itself."""

    issuer: str
    audience: str
    subject: str
    claims: Mapping[str, ClaimValue] = field(default_factory=dict)
    once: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and a sentence on what was found."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Read:
    """A token taken apart. Nothing in it is proven."""

    header: Claims
    claims: Claims


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks, in order. `claims` are proven only if `holds`."""

    checks: tuple[Check, ...]
    claims: Claims

    @property
    def holds(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """The name of the first check that failed; "" if it holds."""
        return next((check.name for check in self.checks if not check.passed), "")


# ---- reading


def read(token: object) -> Read:
    """Take a token apart.

    Raises:
        NotReadable: it is no JWS of three parts with two JSON objects, or is too long.
    """
    if not isinstance(token, str) or not token:
        raise NotReadable("There is no token.")
    if len(token) > MOST_CHARACTERS:
        raise NotReadable(f"The token is longer than {MOST_CHARACTERS:,} characters.")
    parts = _SEGMENTS.fullmatch(token)
    if parts is None:
        raise NotReadable("A token has three parts of base64url with a full stop between them.")
    return Read(_object(parts[1], "header"), _object(parts[2], "payload"))


def _object(part: str, name: str) -> Claims:
    try:
        found = json.loads(
            urlsafe_b64decode(part.encode("ascii")).decode("utf-8"),
            object_pairs_hook=_unambiguous,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError):
        raise NotReadable(f"The {name} of the token is not JSON.") from None
    if not isinstance(found, dict):
        raise NotReadable(f"The {name} of the token is not a JSON object.")
    return found


def _unambiguous(pairs: list[tuple[str, Any]]) -> Claims:
    """A name that stands there twice is read in two ways by two readers (RFC 7519, section 4)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("A name stands there twice.")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON.")


def find_claim(claims: Claims, name: str) -> list[Any]:
    """Every value that the name can mean: `sub`, or `kubernetes.io.namespace` for one inside another.

    Names of claims have dots of their own, so there may be several; who compares wants exactly one.
    """
    found = [claims[name]] if name in claims else []
    for place, character in enumerate(name):
        inner = claims.get(name[:place]) if character == "." else None
        if isinstance(inner, dict):
            found += find_claim(inner, name[place + 1 :])
    return found


# ---- checking


def check(token: object, expected: Expected, find_keys: FindKeys, *, at: float) -> Verdict:
    """Check a token, as of a time in seconds of the epoch. What it says of itself is checked in any case, for whoever
    wants to know all of it; the issuer is asked for its keys only if the token is from it.
    """
    try:
        found = read(token)
    except NotReadable as error:
        return Verdict((Check("readable", passed=False, detail=str(error)),), {})
    checks = [Check("readable", passed=True, detail="It is a signed token.")]
    checks.append(_matches("issuer", found.claims.get("iss"), expected.issuer))
    checks += _check_signature(str(token), found, find_keys, asked=checks[-1].passed)
    checks.append(_check_time(found.claims, at))
    checks.append(_check_audience(found.claims.get("aud"), expected.audience))
    checks.append(_matches("subject", found.claims.get("sub"), expected.subject))
    checks += [_check_claim(found.claims, name, value) for name, value in expected.claims.items()]
    if expected.once:
        checks.append(_check_once(found.claims.get("jti")))
    return Verdict(tuple(checks), found.claims)


def _matches(name: str, given: object, wanted: str) -> Check:
    if given is None:
        return Check(name, passed=False, detail=f"The token names no {name}.")
    if type(given) is not str or given != wanted or not wanted:
        return Check(name, passed=False, detail=f"The {name} is {shown(given)}, not {shown(wanted)}.")
    return Check(name, passed=True, detail=f"The {name} is {shown(wanted)}.")


def _check_signature(token: str, found: Read, find_keys: FindKeys, *, asked: bool) -> Iterator[Check]:
    """The key, then the signature by it."""
    fault = _fault_of_header(found.header)
    if not fault and not asked:
        fault = "Not looked for, because the token is from another issuer."
    key = None
    if not fault:
        key, fault = _find_key(found.header, find_keys)
    algorithm = found.header.get("alg")
    yield Check(
        "key", passed=key is not None, detail=fault or f"The issuer has published the key {shown(key and key.kid)}."
    )
    if key is None:
        yield Check("signature", passed=False, detail="Not looked at, because there is no key to check it by.")
    elif _signed_by(token, key):
        yield Check("signature", passed=True, detail=f"The key made this signature ({algorithm}).")
    else:
        yield Check("signature", passed=False, detail="The key did not make this signature.")


def _fault_of_header(header: Claims) -> str:
    if not isinstance(algorithm := header.get("alg"), str) or algorithm not in CURVES:
        return f"The algorithm is {shown(algorithm)}; only {', '.join(CURVES)} are accepted."
    if named := next((name for name in _NOT_OURS if name in header), ""):
        return f"The header has “{named}”, and such tokens are not accepted."
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        return f"The token calls itself {shown(kind)}, which is something else."
    kid = header.get("kid", "-")
    if not isinstance(kid, str) or not 0 < len(kid) <= MOST_KID or not kid.isprintable():
        return "The token names its key by something else than a short text."
    return ""


def _find_key(header: Claims, find_keys: FindKeys) -> tuple[Key | None, str]:
    """The one key of this name that the algorithm can use, or why there is none.

    Without a name it is the only one that the issuer has: nothing is tried out.
    """
    kid, algorithm = header.get("kid"), header["alg"]
    try:
        keys = find_keys(kid or "")
    except Invalid as error:
        return None, f"The issuer’s key cannot be had. {error}"
    if kid is None and len(keys.keys) != 1:
        return None, "The token does not say which of the issuer’s keys it is signed with."
    named = [key for key in keys if kid in {None, key.kid}]
    fitting = [key for key in named if _fits(key, algorithm)]
    if len(fitting) == 1:
        return fitting[0], ""
    if not named:
        return None, f"The issuer has published no key {shown(kid)}."
    return None, f"The issuer’s key {shown(kid)} is not one for {algorithm}."


def _fits(key: Key, algorithm: str) -> bool:
    curve = CURVES[algorithm]
    kind = key.key_type == "RSA" if curve is None else key.key_type == "EC" and key.get("crv") == curve
    return kind and key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm


def _signed_by(token: str, key: Key) -> bool:
    try:
        jws.deserialize_compact(token, key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError):
        return False
    return True


def _check_time(claims: Claims, at: float) -> Check:
    fault = _fault_of_time(claims, at)
    if fault:
        return Check("time", passed=False, detail=fault)
    return Check("time", passed=True, detail=f"It holds for {_seconds(claims['exp'] - at)} more.")


def _fault_of_time(claims: Claims, at: float) -> str:
    expires, issued, begins = (claims.get(name) for name in ("exp", "iat", "nbf"))
    if not _is_time(expires) or not _is_time(issued) or not (begins is None or _is_time(begins)):
        return "The token does not say, in seconds, when it was made and when it ends."
    if expires <= at:
        return f"The token ended {_seconds(at - expires)} ago."
    if issued > at + LEEWAY:
        return f"The token was made {_seconds(issued - at)} in the future."
    if begins is not None and begins > at + LEEWAY:
        return f"The token begins in {_seconds(begins - at)}."
    if not 0 < expires - issued <= LONGEST_LIFE:
        return f"The token is made for {_seconds(expires - issued)}; up to a day is accepted."
    return ""


def _is_time(value: object) -> TypeGuard[int | float]:
    """A NumericDate (RFC 7519, section 2): seconds, perhaps with a fraction. True and False are no numbers here."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**40


def _seconds(seconds: float) -> str:
    count = math.ceil(seconds)
    return f"{count:,} second" if count == 1 else f"{count:,} seconds"


def _check_audience(given: object, wanted: str) -> Check:
    """For us, and for nobody else: whom else it is for could bring it here."""
    if isinstance(given, list) and len(given) == 1:
        return _matches("audience", given[0], wanted)
    return _matches("audience", given, wanted)


def _check_claim(claims: Claims, name: str, wanted: ClaimValue) -> Check:
    """Equal, and of the same kind: text is no number, and a list is equal to nothing."""
    title, found = f"claim:{name}", find_claim(claims, name)
    if not found:
        return Check(title, passed=False, detail=f"The token has no claim {name}.")
    if len(found) > 1:
        return Check(title, passed=False, detail=f"The token has more than one claim that {name} could mean.")
    if _kind(found[0]) is None or _kind(found[0]) is not _kind(wanted) or found[0] != wanted:
        return Check(title, passed=False, detail=f"{name} is {shown(found[0])}, not {shown(wanted)}.")
    return Check(title, passed=True, detail=f"{name} is {shown(wanted)}.")


def _kind(value: object) -> type | None:
    return {str: str, bool: bool, int: float, float: float}.get(type(value))


def _check_once(jti: object) -> Check:
    if not isinstance(jti, str) or not 0 < len(jti) <= MOST_KID or not jti.isprintable():
        return Check("once", passed=False, detail="The token has no id of its own (jti), so it could be used twice.")
    return Check("once", passed=True, detail="The token has an id of its own, so it can be used only once.")


def shown(value: object) -> str:
    """A value of a token in a sentence: as JSON, short, and without what no answer can carry."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return "something odd"
    text = "".join(character if character.isprintable() else "�" for character in text)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
