"""A refusal becomes an answer here and nowhere else: a problem document (RFC 9457) for /v1, a page for people."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from math import ceil
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from psycopg_pool import PoolTimeout
from rest_framework import exceptions as drf
from rest_framework.response import Response

from hq.lib import errors
from hq.web.request import request_id

log = logging.getLogger("hq.web")
MEDIA_TYPE = "application/problem+json"
TYPES = "/problems/"


def is_api(request: HttpRequest) -> bool:
    """True for the routes that answer in JSON."""
    return request.path_info.startswith("/v1/")


def undo() -> None:
    """Whatever a refused request wrote is rolled back; the exception alone would not do it."""
    if connection.in_atomic_block:
        transaction.set_rollback(True)


class MethodNotAllowed(errors.Problem):
    """There is something at this address, but not by this method. The answer's `Allow` names those that there are."""

    status = 405


class UnsupportedMediaType(errors.Problem):
    """The body is in a form that is not read here. Send application/json, as the documentation of the address says."""

    status = 415


class InternalError(errors.Problem):
    """Something broke on our side. The request id leads to it."""

    status = 500


# Exceptions of other packages that stand for a refusal, most special first.
FOREIGN: list[tuple[tuple[type[BaseException], ...], Callable[[Any], errors.Problem]]] = [
    ((Http404,), lambda _: errors.NotFound()),
    ((RequestDataTooBig,), lambda _: errors.PayloadTooLarge()),
    ((drf.ValidationError,), lambda error: errors.Invalid(errors=list(_pointers(error.detail)))),
    ((drf.ParseError, BadRequest, SuspiciousOperation), lambda _: errors.Invalid("The request could not be read.")),
    ((drf.MethodNotAllowed,), lambda error: MethodNotAllowed(str(error.detail))),
    ((drf.UnsupportedMediaType,), lambda error: UnsupportedMediaType(str(error.detail))),
    ((PoolTimeout,), lambda _: errors.Unavailable()),
]


def as_problem(error: BaseException | None) -> errors.Problem | None:
    """The refusal that an exception stands for, or None for a fault of ours."""
    if error is None or isinstance(error, errors.Problem):
        return error
    if isinstance(error, OperationalError) and isinstance(error.__cause__, PoolTimeout):
        return errors.Unavailable()
    return next((make(error) for kinds, make in FOREIGN if isinstance(error, kinds)), None)


def _pointers(detail: Any, pointer: str = "") -> Any:
    """DRF's nested details as RFC 6901 pointers."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            # A member's name may be half of a surrogate pair, which no answer can carry.
            name = str(key).encode("utf-8", "replace").decode()
            yield from _pointers(value, pointer if key == "non_field_errors" else f"{pointer}/{name}")
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, (dict, list))
            yield from _pointers(value, f"{pointer}/{index}" if nested else pointer)
    else:
        yield {"pointer": pointer, "detail": str(detail)}


def document(request: HttpRequest, *, status: int, detail: str, code: str, listed: Any = None) -> dict[str, Any]:
    """The body of a problem answer. `instance` is the request id, which the trail knows.

    `type` is a whole address, which clients that know nothing of where they asked can follow (RFC 9457 section 3.1.1).
    """
    body: dict[str, Any] = {
        "type": f"{settings.BASE_URL}{TYPES}{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": f"urn:hq:request:{request_id(request)}",
    }
    if listed:
        body["errors"] = listed
    return body


def problem_document(request: HttpRequest, problem: errors.Problem) -> dict[str, Any]:
    listed = getattr(problem, "errors", None)
    return document(request, status=problem.status, detail=str(problem), code=problem.code, listed=listed)


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler."""
    undo()
    request = context["request"]._request  # noqa: SLF001 - DRF's own name for what it wraps
    problem = as_problem(error)
    if problem is None:
        return None
    response = Response(problem_document(request, problem), status=problem.status, content_type=MEDIA_TYPE)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="hq"'
    ask_to_wait(response, problem.wait)
    return response


def ask_to_wait(response: HttpResponse | Response, wait: float | None) -> None:
    """Whole seconds, rounded up: who comes back then is let in."""
    if wait:
        response["Retry-After"] = str(ceil(wait))


def answer(request: HttpRequest, problem: errors.Problem) -> HttpResponse:
    """A refusal outside DRF: middleware, portal views, unknown addresses. The portal's scripts ask for the document."""
    if is_api(request) or request.headers.get("Accept", "").startswith(MEDIA_TYPE):
        body = problem_document(request, problem)
        response: HttpResponse = JsonResponse(body, status=problem.status, content_type=MEDIA_TYPE)
        if problem.status == HTTPStatus.UNAUTHORIZED:
            response["WWW-Authenticate"] = 'Bearer realm="hq"'
    else:
        context = {"problem": problem, "request_id": request_id(request)}
        response = render(request, _template(problem.status), context, status=problem.status)
    ask_to_wait(response, problem.wait)
    return response


def _template(status: int) -> str:
    return f"{status}.html" if status in {400, 403, 404, 409, 413, 429, 500, 503} else "400.html"


def handler400(request: HttpRequest, exception: BaseException | None = None) -> HttpResponse:
    return answer(request, as_problem(exception) or errors.Invalid("The request could not be read."))


def handler403(request: HttpRequest, exception: BaseException | None = None) -> HttpResponse:
    return answer(request, as_problem(exception) or errors.Denied())


def handler404(request: HttpRequest, exception: BaseException | None = None) -> HttpResponse:
    return answer(request, errors.NotFound())


def handler500(request: HttpRequest) -> HttpResponse:
    fault = InternalError()
    return _Refused(fault) if connection.in_atomic_block else answer(request, fault)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    log.info("csrf refused", extra={"reason": reason, "request_id": request_id(request)})
    return answer(
        request,
        errors.Denied(
            "This form was opened too long ago, or somewhere else. Go back, reload the page and send it again."
        ),
    )


class _Refused(HttpResponse):
    """Stands for the page until the request's transaction has ended: before that, nothing can be read for it."""

    def __init__(self, problem: errors.Problem) -> None:
        super().__init__(status=problem.status)
        self.problem = problem


class RefusalPages:
    """Turns refusals of portal views into pages, after undoing what they wrote. Stands around the tenant's context."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response: HttpResponse = self.get_response(request)
        return answer(request, response.problem) if isinstance(response, _Refused) else response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        undo()
        problem = as_problem(exception)
        return _Refused(problem) if problem else None
