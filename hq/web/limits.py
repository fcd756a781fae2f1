"""How often one may ask: by address at the edge, by key and by organization once it is known who asks (ISO-4).

While Valkey is away nothing can be counted. What is asked with a key or a session goes on then, and an error in the log
says so once a minute; ways in are shut, as guessing would go uncounted.
"""

import math
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Any, NoReturn, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from hq.authz.actor import Actor
from hq.lib.errors import Problem, TooMany, Unauthenticated
from hq.limits.buckets import Bucket, LimitsUnavailable, Verdict, take, tightest
from hq.web.errors import answer, is_api
from hq.web.request import source_ip

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Where somebody comes in who has shown nothing yet, and trying again and again may succeed.
WAYS_IN = ("/account/", "/sso", "/s/", "/v1/shares/redeem", "/v1/oauth/token")
_CHARGED, _VERDICTS = "limit_charged", "limit_verdicts"


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
        try:
            _charge(request, _of_address(request))
        except (TooMany, LimitsUnavailable) as refusal:
            response = answer(request, refusal)
        else:
            response = self.get_response(request)
        return _tell(request, response)


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
    )


def refuse_unknown(request: HttpRequest, refusal: Problem | None = None) -> NoReturn:
    """Turn away credentials that nobody has, or that are not accepted from here, by the `refusal` that says so.

    Only such are counted here, so valid keys are let in from the same address as before. Raises Unauthenticated or the
    refusal; TooMany for an address that comes with many.
    """
    _charge(request, Bucket("unknown", network_of(source_ip(request)), *settings.LIMIT_UNKNOWN), told=False)
    raise refusal or Unauthenticated


def _of_address(request: HttpRequest) -> Bucket:
    return Bucket("ip", network_of(source_ip(request)), *settings.LIMIT_IP)


def _charge(request: HttpRequest, *buckets: Bucket, told: bool = True) -> None:
    """Raises TooMany, and LimitsUnavailable where somebody might come in uncounted."""
    try:
        verdict = take(*buckets)
    except LimitsUnavailable:
        if request.method not in SAFE and request.path_info.startswith(WAYS_IN):
            raise
        return
    if told or not verdict.allowed:
        vars(request).setdefault(_VERDICTS, []).append(verdict)
    if not verdict.allowed:
        _log_once_a_minute(request, verdict.bucket)
        raise TooMany(wait=verdict.retry_after)


def _log_once_a_minute(request: HttpRequest, refused_by: Bucket) -> None:
    """A flood leaves one line a minute in the access log, not one for each request: see audit.middleware."""
    try:
        first = take(Bucket(f"{refused_by.name}.logged", refused_by.subject, 1, 60)).allowed
    except LimitsUnavailable:
        first = True
    if not first:
        cast("Any", request).unlogged = True


def _tell(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """RateLimit headers (draft-ietf-httpapi-ratelimit-headers-06) for whom /v1 knows, or turns away by a limit."""
    verdicts: list[Verdict] = vars(request).get(_VERDICTS, [])
    known = len(verdicts) > 1  # the address is counted for everybody
    if not is_api(request) or not (known or any(not each.allowed for each in verdicts)):
        return response
    verdict = tightest(verdicts)
    # Section 5: beside Retry-After, both name the same point in time.
    reset = verdict.reset_after if verdict.allowed else verdict.retry_after
    response["RateLimit-Limit"] = str(verdict.limit)
    response["RateLimit-Remaining"] = str(verdict.remaining)
    response["RateLimit-Reset"] = str(math.ceil(reset))
    response["RateLimit-Policy"] = f"{verdict.bucket.most};w={verdict.bucket.seconds}"
    return response
