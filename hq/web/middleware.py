"""Headers of every answer, and session cookies that are signed (ACC-7)."""

from collections.abc import Callable
from threading import BoundedSemaphore
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from hq.limits.slots import Busy
from hq.web.errors import answer, is_api

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PERMISSIONS = (
    "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=(), browsing-topics=()"
)
DOCUMENTATION = "/v1/docs"  # below /v1, and a page
BUSY = "Too many uploads are under way. Try again in a few seconds."


def csp_to(origin: str) -> str:
    """The policy of one page whose script also sends to one other origin."""
    return CSP.replace("connect-src 'self'", f"connect-src 'self' {origin}")


class Headers:
    """Stands above all, so that static files carry the policy too, and what is said where no line can be written."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # A page with live updates listens to one other origin (the tag `live`).
        policy = csp_to(settings.LIVE_URL) if getattr(request, "listens", False) else CSP
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if not request.path.startswith(settings.STATIC_URL):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class BodySlots:
    """Requests with a body take one of a few slots, so that slow senders cannot take every thread of the process."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.free = BoundedSemaphore(settings.BODY_SLOTS)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.META.get("CONTENT_LENGTH") in {None, "", "0"} and "HTTP_TRANSFER_ENCODING" not in request.META:
            return self.get_response(request)
        if not self.free.acquire(blocking=False):
            return answer(request, Busy(BUSY, wait=5))
        try:
            return self.get_response(request)
        finally:
            self.free.release()


class _ForPeople(MiddlewareMixin):
    """A middleware that /v1 goes past: there nobody has a session, sends a form or reads a page.

    `process_view` is asked there all the same; of what it looks for, nothing is there.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        goes_past = is_api(request) and request.path_info != DOCUMENTATION
        response: Any = self.get_response(request) if goes_past else super().__call__(request)
        return cast("HttpResponse", response)


class SignedIn(_ForPeople, AuthenticationMiddleware):
    """Who has a session."""


class Messages(_ForPeople, MessageMiddleware):
    """What the next page tells."""


class SignedSessions(_ForPeople, SessionMiddleware):
    """The cookie carries the session's key with a signature; the table holds the key alone.

    Whoever reads the table cannot make a cookie of it, and a new SECRET_KEY signs nobody out while the former one is
    among SECRET_KEY_FALLBACKS.
    """

    _salt = "hq.session"

    def process_request(self, request: HttpRequest) -> None:
        signed = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        try:
            key = Signer(salt=self._salt).unsign(signed) if signed else None
        except BadSignature:
            key = None
        request.session = self.SessionStore(key)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response = super().process_response(request, response)
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and cookie.value:
            cookie.set(cookie.key, *_both(Signer(salt=self._salt).sign(cookie.value)))
        return response


def _both(value: str) -> tuple[str, str]:
    """A signed key has only cookie-safe characters, so its coded form is itself."""
    return value, value
