"""How often one may ask: by address at the edge, by key and by organization once it is known who asks (ISO-4).

While Valkey is away nothing can be counted. What is asked with a key or a session goes on then, and an error in the log
says so once a minute; ways in are shut, as guessing would go uncounted.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any, NoReturn, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from hq.authz.actor import Actor
from hq.lib.errors import Problem, TooMany, Unauthenticated
from hq.limits.buckets import Bucket, LimitsUnavailable, Verdict, take, tightest
from hq.limits.refusals import Refusals
from hq.web.errors import answer, is_api
from hq.web.request import source_ip

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Where somebody comes in who has shown nothing yet, and trying again and again may succeed.
WAYS_IN = ("/account/", "/sso", "/s/", "/r/", "/v1/shares/redeem", "/v1/oauth/token", "/v1/upload-parts/")
_CHARGED, _VERDICTS, _DUE = "limit_charged", "limit_verdicts", "limit_due"
_refusals = Refusals()
forget = _refusals.forget
_nobodys: list[Callable[[str], bool]] = []


def turn_away_by(nobodys: Callable[[str], bool]) -> None:
    """Called once at start-up by who keeps the keys: tells whether a secret is surely nobody's. The last one wins."""
    _nobodys[:] = [nobodys]


@lru_cache(maxsize=4096)
def network_of(address: str | None) -> str:
    """Whom an address stands for: itself, or its /64, as one subscriber of IPv6 has at least that many.

    Who comes by no address that can be told is counted together with all such.
    """
    if address is None:
        return "unknown"
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or f"{found.packed[:8].hex()}/64")
    return str(found)


class EdgeLimit:
    """Counts requests of one address before anything costly is done for them, and tells /v1 callers how they stand."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(settings.STATIC_URL):
            return self.get_response(request)
        vars(request)[_DUE] = address = _of_address(request)
        try:
            if _refusals.wait(address) or not _comes_with_a_key(request):
                charge_address(request)
            else:
                _turn_away(request)
        except Problem as refusal:
            response = answer(request, refusal)
        else:
            response = self.get_response(request)
            if _DUE in vars(request):  # refused before it was known whose key it is
                with suppress(LimitsUnavailable):
                    _taken(sure=_due(request))
        return _tell(request, response)


def _comes_with_a_key(request: HttpRequest) -> bool:
    """Then the address is charged together with the key, in one step, as soon as that is looked up."""
    return (
        is_api(request)
        and not request.path_info.startswith(WAYS_IN)
        and request.META.get("HTTP_AUTHORIZATION", "")[:7].lower() == "bearer "
        and "HTTP_X_USER_TOKEN" not in request.META
    )


def _turn_away(request: HttpRequest) -> None:
    """Refuse what is nobody's here, once its address came with too many such: a flood is to cost little.

    The same is found out further in, of every request; nobody is let in by what is asked here. Raises TooMany.
    """
    if _refusals.wait(_unknown(request)) and any(nobodys(_secret_of(request)) for nobodys in _nobodys):
        refuse_unknown(request)


def _secret_of(request: HttpRequest) -> str:
    secret: str = request.META["HTTP_AUTHORIZATION"].partition(" ")[2]
    return secret.strip()


def charge_address(request: HttpRequest) -> None:
    """Count a request for its address, if that is not done yet: before anything is done without looking up a key.

    Raises TooMany, and LimitsUnavailable where somebody might come in uncounted.
    """
    if _DUE in vars(request):
        _charge(request, sure=_due(request))


def _due(request: HttpRequest) -> Bucket | None:
    """The address, if it is not charged yet; from now on it counts as charged."""
    due: Bucket | None = vars(request).pop(_DUE, None)
    return due


def charge(request: HttpRequest, actor: Actor) -> None:
    """Count a request of /v1 for its key and for its organization, in one step. Raises TooMany.

    Once, however often it is found out who asks: a stream asks again, and must not end by the limit.
    """
    if vars(request).get(_CHARGED):
        return
    vars(request)[_CHARGED] = True
    _charge(
        request,
        Bucket("key", f"{actor.kind} {actor.id}", *settings.LIMIT_KEY),
        Bucket("organization", str(actor.organization_id), *settings.LIMIT_ORGANIZATION),
        sure=_due(request),
    )


def refuse_unknown(request: HttpRequest, refusal: Problem | None = None) -> NoReturn:
    """Turn away credentials that nobody has, or that are not accepted from here, by the `refusal` that says so.

    Only such are counted here, so valid keys are let in from the same address as before. Raises Unauthenticated or the
    refusal; TooMany for an address that comes with many.
    """
    _charge(request, _unknown(request), sure=_due(request), told=False)
    raise refusal or Unauthenticated


def _unknown(request: HttpRequest) -> Bucket:
    return Bucket("unknown", network_of(source_ip(request)), *settings.LIMIT_UNKNOWN)


def _of_address(request: HttpRequest) -> Bucket:
    return Bucket("ip", network_of(source_ip(request)), *settings.LIMIT_IP)


def _charge(request: HttpRequest, *buckets: Bucket, sure: Bucket | None = None, told: bool = True) -> None:
    """Raises TooMany, and LimitsUnavailable where somebody might come in uncounted."""
    try:
        verdict = _taken(*buckets, sure=sure)
    except LimitsUnavailable:
        if request.method not in SAFE and request.path_info.startswith(WAYS_IN):
            raise
        return
    if told or not verdict.allowed:
        vars(request).setdefault(_VERDICTS, []).append(verdict)
    if not verdict.allowed:
        _log_once_a_minute(request, verdict.bucket)
        raise TooMany(wait=verdict.retry_after)


def _taken(*buckets: Bucket, sure: Bucket | None = None) -> Verdict:
    """As `take`; what is known to be refused is not asked about. Raises LimitsUnavailable."""
    for bucket in buckets if sure is None else (sure, *buckets):
        if wait := _refusals.wait(bucket):
            if sure is not None and bucket is not sure:
                _refusals.skip(sure)  # it is charged with the next that Valkey is asked about
            return Verdict(
                allowed=False, limit=bucket.most, remaining=0, reset_after=wait, retry_after=wait, bucket=bucket
            )
    times = 1 if sure is None else 1 + _refusals.skipped(sure)
    verdict = take(*buckets, sure=sure, times=times)
    if not verdict.allowed:
        _refusals.note(verdict.bucket, verdict.retry_after)
    return verdict


def _log_once_a_minute(request: HttpRequest, refused_by: Bucket) -> None:
    """A flood leaves one line a minute in the access log, not one for each request: see audit.middleware."""
    try:
        first = _taken(Bucket(f"{refused_by.name}.logged", refused_by.subject, 1, 60)).allowed
    except LimitsUnavailable:
        first = True
    if not first:
        cast("Any", request).unlogged = True


def _tell(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """RateLimit headers (draft-ietf-httpapi-ratelimit-headers-06) for whom /v1 knows, or turns away by a limit."""
    verdicts: list[Verdict] = vars(request).get(_VERDICTS, [])
    known = vars(request).get(_CHARGED)  # the address is counted for everybody
    if not verdicts or not is_api(request) or not (known or any(not each.allowed for each in verdicts)):
        return response
    verdict = tightest(verdicts)
    # Section 5: beside Retry-After, both name the same point in time.
    reset = verdict.reset_after if verdict.allowed else verdict.retry_after
    response["RateLimit-Limit"] = str(verdict.limit)
    response["RateLimit-Remaining"] = str(verdict.remaining)
    response["RateLimit-Reset"] = str(math.ceil(reset))
    response["RateLimit-Policy"] = f"{verdict.bucket.most};w={verdict.bucket.seconds}"
    return response
