"""The base of every /v1 endpoint: one class each, input, one call, output."""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, ClassVar, cast
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hq.authz.actor import Actor
from hq.db.context import tenant
from hq.lib.errors import Invalid, Problem, Unauthenticated
from hq.web import conditions, idempotency
from hq.web.errors import MEDIA_TYPE
from hq.web.renderers import JSONRenderer

PAGE = 50
PAGE_MOST = 200


class Endpoint(APIView):
    """A route below /v1. `public` ones (redeeming a link, the schema) ask for no credentials of an organization.

    Those with `own_conditions` meet If-Match and If-None-Match in what they call; for all others it is done here.
    `shown_once` are the members of what POST answers that are secrets: nothing repeats them. Where POST `only_asks`,
    nothing is done that could be done twice. One with contexts of its own that `acts_last` does all of it in one
    transaction at the end of POST (`act`): the answer is kept in that one. `reads_in_time`: what GET gives is not there
    in every state (409).
    """

    public: ClassVar[bool] = False
    own_context: ClassVar[bool] = False
    own_conditions: ClassVar[bool] = False
    shown_once: ClassVar[frozenset[str]] = frozenset()
    only_asks: ClassVar[bool] = False
    acts_last: ClassVar[bool] = False
    reads_in_time: ClassVar[bool] = False
    # Of the body, once it was read: bodies of POSTs that act last may be too large to be kept at hand.
    body_digest: bytes = b""

    @property
    def plain(self) -> HttpRequest:
        """Django's own request, which DRF wraps."""
        request: HttpRequest = self.request._request  # noqa: SLF001 - DRF's own name for what it wraps
        return request

    @property
    def actor(self) -> Actor:
        """Who asks. Missing means the request carried no valid credentials."""
        actor: Actor | None = getattr(self.request, "actor", None)
        if actor is None:
            raise Unauthenticated
        return actor

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not self.public:
            _ = self.actor
        self.require_match(request, *args, **kwargs)
        if request.method == "POST" and hasattr(self, "post"):
            self.act_once()

    @classmethod
    def takes_idempotency_key(cls) -> bool:
        """Whether POST is done in one transaction, by somebody whose answers can be kept."""
        return hasattr(cls, "post") and not cls.public and (cls.acts_last or not cls.own_context)

    def act_once(self) -> None:
        """With an Idempotency-Key POST is done once, and answered as often as it comes. Raises Invalid, KeyNotTaken."""
        key = idempotency.key_of(self.plain)
        if key is None or self.only_asks:
            return
        if not self.takes_idempotency_key():
            raise idempotency.KeyNotTaken
        if self.acts_last:
            self._answer_again(key)
            return
        post: Any = self.post  # type: ignore[attr-defined]  # which takes_idempotency_key has looked for

        def once(*args: Any, **kwargs: Any) -> Response:
            return idempotency.once(
                lambda: post(*args, **kwargs),
                request=self.plain,
                actor=self.actor,
                key=key,
                shown_once=self.shown_once,
            )

        vars(self)["post"] = once  # found by DRF before the method of the class

    def _answer_again(self, key: str) -> None:
        """Where it was done before, nothing is prepared for it once more. Raises IdempotencyKeyReused."""
        with suppress(UnsupportedMediaType):  # what POST does not read does not count, and what it reads it refuses
            _ = self.request.data  # its digest is known then
        with tenant(self.actor.organization_id):
            found = idempotency.answered(
                request=self.plain, actor=self.actor, key=key, shown_once=self.shown_once, body=self.body_digest
            )
        if found is not None:
            vars(self)["post"] = lambda *_args, **_kwargs: found

    def act(self, do: Callable[[], Response]) -> Response:
        """The one transaction of a POST that `acts_last`. Raises RequestInFlight, IdempotencyKeyReused, and as `do`."""
        key = idempotency.key_of(self.plain)
        with transaction.atomic(durable=True), tenant(self.actor.organization_id):
            if key is None:
                return do()
            return idempotency.once(
                do,
                request=self.plain,
                actor=self.actor,
                key=key,
                shown_once=self.shown_once,
                body=self.body_digest,
            )

    @classmethod
    def changes_by(cls, method: str) -> bool:
        """Whether something is changed here by this method."""
        return method in {"POST", "PUT", "PATCH", "DELETE"} and hasattr(cls, method.lower())

    @classmethod
    def takes_if_match(cls, method: str) -> bool:
        """Whether a change by this method can be made to depend on what GET says here."""
        return cls.changes_by(method) and method != "POST" and hasattr(cls, "get") and not cls.own_context

    def require_match(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """If-Match on a change is compared with what GET says now. Raises PreconditionFailed, NoTagHere."""
        method = self.plain.method or ""
        if "If-Match" not in self.plain.headers or self.own_conditions or not self.changes_by(method):
            return
        if not self.takes_if_match(method):
            raise conditions.NoTagHere
        conditions.wait_turn(self.plain, self.actor.organization_id)
        read: Any = self.get  # type: ignore[attr-defined]  # which takes_if_match has looked for
        now = self._finished(request, read(request, *args, **kwargs))
        conditions.require_match(self.plain, conditions.tag_of(conditions.sent(now)))

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """JSON, whatever is asked for: a refusal must be readable too."""
        return JSONRenderer(), JSONRenderer.media_type

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = self._finished(request, response)
        try:
            return response if self.own_conditions else conditions.tagged(self.plain, response)
        except Problem as refusal:
            return self._finished(request, self.handle_exception(refusal))

    def _finished(self, request: Request, response: Any) -> Any:
        response = super().finalize_response(request, response)
        if isinstance(response, Response) and response.content_type == MEDIA_TYPE:
            response.accepted_media_type = MEDIA_TYPE
        return response


# DRF takes a number for text or an id, text for a number, and many words for true.
_TAKEN_FOR_IT: dict[type[serializers.Field[Any, Any, Any, Any]], tuple[tuple[type, ...], str]] = {
    serializers.BooleanField: ((str, int, float), "Must be a valid boolean."),
    serializers.CharField: ((int, float), "Not a valid string."),
    serializers.IntegerField: ((str, bool), "A valid integer is required."),
    serializers.UUIDField: ((int, float), "Must be a valid UUID."),
}


class Input(serializers.Serializer[Any]):
    """A request body. Members it does not know are refused rather than ignored, and none is read as something else."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := set(data) - set(self.fields)):
            raise serializers.ValidationError({name: ["This member is not known here."] for name in sorted(unknown)})
        wrong = dict(self._inexact(data)) if isinstance(data, dict) else {}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not wrong:
                raise
            raise serializers.ValidationError({**cast("dict[str, Any]", error.detail), **wrong}) from None
        if wrong:
            raise serializers.ValidationError(wrong)
        return value

    def _inexact(self, data: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
        for name, value in data.items():
            for kind, (refused, said) in _TAKEN_FOR_IT.items():
                if isinstance(self.fields[name], kind) and type(value) in refused:
                    yield name, [said]


def read(kind: type[Input], request: Request) -> dict[str, Any]:
    """The validated body. Raises Invalid with a pointer to each fault."""
    body = kind(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _decode_cursor(raw: str) -> str:
    try:
        return b64decode(raw.encode() + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True).decode()
    except (Base64Error, UnicodeError, ValueError):
        raise _not_our_cursor() from None


def encode_cursor(position: str) -> str:
    """A place in a list as `?cursor=` takes it."""
    return urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _not_our_cursor() -> Invalid:
    return Invalid(
        "The cursor is not one of ours.",
        errors=[{"pointer": "/cursor", "detail": "Use next_cursor as it was given."}],
    )


def page_arguments(request: Request) -> tuple[str, int]:
    """`?cursor=` decoded ('' for the first page) and `?limit=` (1 to 200, default 50)."""
    raw = request.query_params.get("limit", str(PAGE))
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 6 and 1 <= int(raw) <= PAGE_MOST):
        raise Invalid(
            "limit is a number from 1 to 200.",
            errors=[{"pointer": "/limit", "detail": "Enter a number from 1 to 200."}],
        )
    cursor = request.query_params.get("cursor", "")
    return (_decode_cursor(cursor) if cursor else ""), int(raw)


def uuid_argument(request: Request, name: str) -> UUID | None:
    """An id in the query, in its one spelling; None where it is left out. Raises Invalid."""
    raw = request.query_params.get(name)
    try:
        found = UUID(raw) if raw is not None else None
    except ValueError:
        found = None
    if str(found or "") != (raw or "").lower() or raw == "":
        raise Invalid(f"{name} is not an id.", errors=[{"pointer": f"/{name}", "detail": "Use an id."}])
    return found


def choice_argument(request: Request, name: str, choices: Sequence[str]) -> str:
    """One of a few words in the query; "" where it is left out. Raises Invalid."""
    raw = request.query_params.get(name)
    if raw is not None and raw not in choices:
        said = f"One of {', '.join(choices)}."
        raise Invalid(f"Unknown {name}. {said}", errors=[{"pointer": f"/{name}", "detail": said}])
    return raw or ""


def uuid_cursor(cursor: str) -> UUID | None:
    """A cursor that is a row's id. Raises Invalid."""
    if not cursor:
        return None
    try:
        return UUID(cursor)
    except ValueError:
        raise _not_our_cursor() from None


def number_cursor(cursor: str) -> int | None:
    """A cursor that is a row's place among others. Raises Invalid."""
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):  # what a bigint surely holds
        raise _not_our_cursor()
    return int(cursor)


def page(
    rows: Sequence[Any], limit: int, shape: Callable[[Any], dict[str, Any]], position: Callable[[Any], str]
) -> Response:
    """A list answer. `rows` holds up to limit + 1; the one too many tells that there is a next page."""
    more = len(rows) > limit
    shown = rows[:limit]
    cursor = encode_cursor(position(shown[-1])) if more else None
    return Response({"items": [shape(row) for row in shown], "next_cursor": cursor})
