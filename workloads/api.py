"""Workloads over /v1: exchanging a token, and what the organization may see of it.

Trusts are made and changed by people in the portal only: a key must not be able to open another way in.
"""

import re
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.urls import path
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.authz.permissions import Permission
from hq.lib.errors import Invalid, TooMany
from hq.limits.buckets import Bucket, take
from hq.web.api import Endpoint, page, page_arguments, read, uuid_cursor
from hq.web.errors import as_problem
from hq.web.limits import network_of
from hq.web.parsers import FormParser
from hq.web.request import origin, source_ip
from workloads import actions, selectors
from workloads.models import Exchange, Trust
from workloads.serializers import (
    DryRunBody,
    DryRunInput,
    ExchangeList,
    IssuedBody,
    OAuthErrorBody,
    TokenRequest,
    TrustBody,
    TrustList,
)

GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_TYPE: Final = "urn:ietf:params:oauth:token-type:"
SUBJECT_TYPES: Final = (f"{_TYPE}jwt", f"{_TYPE}id_token")
ACCESS_TOKEN: Final = f"{_TYPE}access_token"
PARAMETERS: Final = frozenset(
    {"grant_type", "audience", "subject_token", "subject_token_type", "requested_token_type", "scope"}
)
OUTCOMES = (selectors.GIVEN, selectors.REFUSED)
_PAGING = [OpenApiParameter("cursor", str), OpenApiParameter("limit", int)]
_FILTERS = [
    OpenApiParameter("trust", UUID, description="Of one trust only."),
    OpenApiParameter("outcome", str, enum=OUTCOMES, description="What was given, or what was refused."),
]
_ASKED = OpenApiExample(
    "A workload’s token for one of HQ’s",
    request_only=True,
    value={
        "grant_type": GRANT,
        "audience": "019aa9a5-3c1e-7c3d-9f0a-2f6d1d1f4a10",
        "subject_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6I…",
        "subject_token_type": SUBJECT_TYPES[0],
    },
)
_GIVEN = OpenApiExample(
    "Fifteen minutes",
    response_only=True,
    value={
        "access_token": "hqw_7Qk0…",
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "objects:read",
    },
)


class BadRequest(Invalid):
    """The request is not one for a token exchange."""


class UnsupportedGrant(Invalid):
    """Only token exchange is done here."""


# RFC 6749, section 5.2: printable ASCII without quotes. What was wrong with a token is never said: a stranger would
# learn what is trusted. It stands in the organization's own list.
_ERRORS: Final[dict[type[Invalid], tuple[str, str]]] = {
    UnsupportedGrant: ("unsupported_grant_type", "The grant_type has to be that of RFC 8693, token exchange."),
    actions.BadScope: ("invalid_scope", "The scope asked for is more than the trust gives."),
    actions.NotExchanged: (
        "invalid_request",
        "The token was not exchanged. The list of exchanges in HQ says why, to those who may see it.",
    ),
}
_MALFORMED: Final = (
    "invalid_request",
    "Send a form with grant_type, audience, subject_token and subject_token_type, each once, and nothing unknown.",
)


class Tokens(Endpoint):
    """The token endpoint (RFC 6749, 3.2; RFC 8693): for whoever holds a token that some trust takes."""

    public = True
    parser_classes = [FormParser]

    @extend_schema(
        operation_id="exchange_token",
        request={"application/x-www-form-urlencoded": TokenRequest},
        responses={200: IssuedBody, 400: OAuthErrorBody},
        examples=[_ASKED, _GIVEN],
        auth=[],
    )
    def post(self, request: Request, **_: Any) -> Response:
        asked = _parameters(request.data)
        trust_id = _trust_of(asked["audience"])
        _charge(source_ip(self.plain), trust_id)
        issued = actions.exchange_token(
            trust_id=trust_id,
            subject_token=asked["subject_token"],
            scope=_scope(asked.get("scope", "")),
            origin=origin(self.plain),
        )
        body = {
            "access_token": issued.token,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": issued.seconds,
            "scope": " ".join(issued.scopes),
        }
        return Response(body, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    def handle_exception(self, exc: Exception) -> Response:
        problem = as_problem(exc)
        if problem is None or problem.status != 400:
            return super().handle_exception(exc)
        error, description = _ERRORS.get(type(problem), _MALFORMED) if isinstance(problem, Invalid) else _MALFORMED
        return Response(
            {"error": error, "error_description": description}, status=400, headers={"Cache-Control": "no-store"}
        )


def _parameters(data: Any) -> dict[str, str]:
    """What is asked, without what is empty: that counts as left out (RFC 6749, 3.2). Raises BadRequest and the like."""
    asked = {name: value for name, value in dict(data).items() if value}
    if asked.get("grant_type", GRANT) != GRANT:
        raise UnsupportedGrant
    if not {"grant_type", "audience", "subject_token", "subject_token_type"} <= {*asked} <= PARAMETERS:
        raise BadRequest
    if (
        asked["subject_token_type"] not in SUBJECT_TYPES
        or asked.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN
    ):
        raise BadRequest
    return asked


def _trust_of(audience: str) -> UUID:
    """The trust by its id or its address. What is neither is no trust, and treated as one that is not there."""
    name = audience.removeprefix(f"{settings.BASE_URL}/v1/workload-trusts/")
    known = re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name)
    return UUID(name) if known else UUID(int=0)


def _scope(asked: str) -> frozenset[Permission] | None:
    if not asked:
        return None
    try:
        return frozenset(Permission(name) for name in asked.split(" "))
    except ValueError:
        raise actions.BadScope from None


def _charge(ip: str | None, trust_id: UUID) -> None:
    """Raises TooMany; LimitsUnavailable, as guessing would go uncounted."""
    verdict = take(
        Bucket("token_exchanges_of_address", network_of(ip), *settings.LIMIT_EXCHANGES_IP),
        Bucket("token_exchanges_of_trust", str(trust_id), *settings.LIMIT_EXCHANGES_TRUST),
    )
    if not verdict.allowed:
        raise TooMany(wait=verdict.retry_after)


# ---- what the organization sees


def trust_body(trust: Trust) -> dict[str, Any]:
    return {
        "id": trust.id,
        "name": trust.name,
        "kind": trust.kind,
        **trust.conditions,
        "jwks_uri": trust.source.get("jwks_uri"),
        "service_account_id": trust.service_account_id,
        "scopes": trust.scopes,
        "seconds": trust.seconds,
        "single_use": trust.single_use,
        "enabled": trust.disabled_at is None,
        "created_at": trust.created_at,
        "changed_at": trust.changed_at,
        "last_used_at": trust.last_used_at,
    }


def exchange_body(exchange: Exchange) -> dict[str, Any]:
    detail = exchange.detail
    return {
        "id": exchange.id,
        "trust_id": exchange.trust_id,
        "at": exchange.at,
        "outcome": selectors.GIVEN if exchange.given else selectors.REFUSED,
        "reason": exchange.reason,
        "checks": detail["checks"],
        "given": detail["given"],
        "ip": exchange.ip,
        "request_id": exchange.request_id,
    }


class Trusts(Endpoint):
    """Workload trusts of an environment, newest first."""

    @extend_schema(operation_id="list_workload_trusts", responses=TrustList, parameters=_PAGING)
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.list_trusts(self.actor, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, trust_body, lambda row: str(row.id))


class TrustItem(Endpoint):
    """One workload trust."""

    @extend_schema(operation_id="get_workload_trust", responses=TrustBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        return Response(trust_body(selectors.get_trust(self.actor, id)))


class DryRun(Endpoint):
    """What an exchange by a trust would do with a token."""

    own_context = True  # the issuer may be asked for its keys, and no transaction waits for that
    only_asks = True

    @extend_schema(operation_id="try_workload_token", request=DryRunInput, responses=DryRunBody)
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        token = read(DryRunInput, request)["token"]
        checks = actions.dry_run(actor=self.actor, trust_id=id, token=token)
        shown = [{"name": each.name, "passed": each.passed, "detail": each.detail} for each in checks]
        return Response({"holds": all(each.passed for each in checks), "checks": shown})


class Exchanges(Endpoint):
    """What was exchanged and refused in the last 30 days, newest first."""

    @extend_schema(operation_id="list_workload_exchanges", responses=ExchangeList, parameters=_PAGING + _FILTERS)
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.list_exchanges(
            self.actor,
            trust_id=_asked_trust(request.query_params.get("trust", "")),
            outcome=_asked_outcome(request.query_params.get("outcome", "")),
            before=uuid_cursor(cursor),
            limit=limit,
        )
        return page(rows, limit, exchange_body, lambda row: str(row.id))


def _asked_trust(raw: str) -> UUID | None:
    try:
        return UUID(raw) if raw else None
    except ValueError:
        raise Invalid(
            "trust is the id of a workload trust.", errors=[{"pointer": "/trust", "detail": "Give its id."}]
        ) from None


def _asked_outcome(raw: str) -> str:
    if raw and raw not in OUTCOMES:
        raise Invalid(
            "outcome is given or refused.", errors=[{"pointer": "/outcome", "detail": "Enter given or refused."}]
        )
    return raw


environment_routes = [
    path("workload-trusts", Trusts.as_view()),
    path("workload-trusts/<uuid:id>", TrustItem.as_view()),
    path("workload-trusts/<uuid:id>/dry-run", DryRun.as_view()),
    path("workload-exchanges", Exchanges.as_view()),
]
public_routes = [path("oauth/token", Tokens.as_view())]
