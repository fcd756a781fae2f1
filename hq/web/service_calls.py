"""`X-User-Token`: a service of the deployment asks in a member's name, for one request (ACC-9).

The format and how to make one are in docs/service-calls.md.

Of what the token says only the user id is used; which organization is asked for, and what the member may do there, is
never taken from the caller.
"""

import logging
from hashlib import sha256
from time import time

from django.conf import settings
from django.http import HttpRequest

from hq.crypto.user_tokens import REMEMBER, BadUserToken, Claims, target, verify
from hq.lib.errors import Invalid, Unauthenticated
from hq.limits.once import is_first
from hq.web.transfer import announced_sha256

log = logging.getLogger("hq.web")
HEADER = "X-User-Token"
_VERIFIED = "user_token_claims"


def comes_with_token(request: HttpRequest) -> bool:
    """True if it asks by a user token. Raises Invalid where it asks in two ways at once: whose request would it be?"""
    if HEADER not in request.headers:
        return False
    if "Authorization" in request.headers:
        raise Invalid(f"Send either Authorization or {HEADER}.")
    return True


def read_token(request: HttpRequest, *, digest_is_checked: bool) -> Claims:
    """What the request's token says, once it is known to be made for this request, in time, and not used before.

    `digest_is_checked`: what answers streams the body and compares it with the digest that was announced; so the token
    has to be for that one. A stream that asks again who it is for is told the same again. Raises Unauthenticated,
    LimitsUnavailable, Invalid.
    """
    known: Claims | None = vars(request).get(_VERIFIED)
    if known is not None:
        return known
    try:
        claims = verify(
            request.headers[HEADER],
            settings.SERVICE_KEYS,
            audience=settings.BASE_URL,
            method=str(request.method),
            # The path that routes were looked for in: what is spelt otherwise on the way is the same object to HQ.
            target=target(request.path_info, request.META.get("QUERY_STRING", "")),
            body_sha256=_body_sha256(request, announced=digest_is_checked),
            at=int(time()),
        )
    except BadUserToken:
        raise Unauthenticated from None
    if not is_first("user-token", f"{claims.key_id} {claims.token_id}", seconds=REMEMBER):
        log.warning("user token used again", extra={"service": claims.key_id})
        raise Unauthenticated
    vars(request)[_VERIFIED] = claims
    return claims


def _body_sha256(request: HttpRequest, *, announced: bool) -> str:
    if announced and request.method == "PUT":
        digest = announced_sha256(request)
        if digest is None:
            raise Invalid(f"With {HEADER}, say what the body is: send X-Content-SHA256 or Content-Digest.")
        return digest
    return sha256(request.body).hexdigest()
