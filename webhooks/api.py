"""Webhooks over /v1: where events are sent, what was sent, and sending it again."""

from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.web.api import Endpoint, choice_argument, page, page_arguments, read, uuid_cursor
from jobs.serializers import shape
from webhooks import actions, selectors
from webhooks.actions import Made
from webhooks.models import EVERYTHING, Attempt, Delivery
from webhooks.models import Endpoint as Webhook
from webhooks.serializers import (
    DeliveryBody,
    DeliveryLifeBody,
    DeliveryList,
    MadeWebhookBody,
    ReplayBody,
    ReplayInput,
    WebhookBody,
    WebhookChangeInput,
    WebhookInput,
    WebhookList,
    WebhookSecretInput,
)

STATES = Delivery.State.values
PAGING = [OpenApiParameter("cursor", str), OpenApiParameter("limit", int, description="1 to 200, 50 when left out.")]
FILTERS = [OpenApiParameter("state", str, enum=STATES), OpenApiParameter("type", str, description="Of one type only.")]


def webhook_body(webhook: Webhook) -> dict[str, Any]:
    names = ("id", "name", "url", "events", "state", "disabled_at", "failing_since", "delivered_at", "created_at")
    body = {name: getattr(webhook, name) for name in (*names, "changed_at")}
    return body | {"disabled_reason": webhook.disabled_reason or None}


def delivery_body(delivery: Delivery) -> dict[str, Any]:
    names = ("id", "message_id", "at", "state", "attempts", "next_at", "finished_at")
    return {name: getattr(delivery, name) for name in names} | {"type": delivery.tag}


def attempt_body(attempt: Attempt) -> dict[str, Any]:
    names = ("number", "at", "status", "fault", "milliseconds", "replay", "answer")
    return {name: getattr(attempt, name) for name in names}


def _made(made: Made) -> Response:
    answer = webhook_body(made.endpoint) | {"secret": made.secret, "public_key": made.public}
    return Response(answer, status=201)


def _collapsed(body: dict[str, Any]) -> dict[str, Any]:
    """Everything and something is everything."""
    return body | {"events": [EVERYTHING]} if EVERYTHING in body.get("events", ()) else body


class Webhooks(Endpoint):
    """Webhooks of an environment, newest first."""

    shown_once = frozenset({"secret"})

    @extend_schema(operation_id="list_webhooks", responses=WebhookList, parameters=PAGING)
    def get(self, request: Request, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.list_endpoints(self.actor, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, webhook_body, lambda row: str(row.id))

    @extend_schema(operation_id="create_webhook", request=WebhookInput, responses={201: MadeWebhookBody})
    def post(self, request: Request, **_: Any) -> Response:
        """Have events sent to an address, at most 20 in an environment. The secret is shown now and never again."""
        return _made(actions.create_endpoint(actor=self.actor, **_collapsed(read(WebhookInput, request))))


class WebhookItem(Endpoint):
    """One webhook."""

    @extend_schema(operation_id="get_webhook", responses=WebhookBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        return Response(webhook_body(selectors.get_endpoint(self.actor, id)))

    @extend_schema(operation_id="change_webhook", request=WebhookChangeInput, responses=WebhookBody)
    def patch(self, request: Request, id: UUID, **_: Any) -> Response:
        """What is left out stays. What waits to be delivered goes to the new address."""
        now = selectors.get_endpoint(self.actor, id, lock=True)
        asked: dict[str, Any] = {"name": now.name, "url": now.url, "events": now.events}
        asked |= _collapsed(read(WebhookChangeInput, request))
        return Response(webhook_body(actions.change_endpoint(actor=self.actor, endpoint_id=id, **asked)))

    @extend_schema(operation_id="remove_webhook", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        """With its secrets, and with what was sent."""
        actions.remove_endpoint(actor=self.actor, endpoint_id=id)
        return Response(status=204)


class EnableWebhook(Endpoint):
    """Switching a webhook on."""

    @extend_schema(operation_id="enable_webhook", request=None, responses=WebhookBody)
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """It is sent what happens from now on. What it missed can be sent again."""
        return Response(webhook_body(actions.enable_endpoint(actor=self.actor, endpoint_id=id)))


class DisableWebhook(Endpoint):
    """Switching a webhook off."""

    @extend_schema(operation_id="disable_webhook", request=None, responses=WebhookBody)
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Nothing more is sent to it; what waits is cancelled."""
        return Response(webhook_body(actions.disable_endpoint(actor=self.actor, endpoint_id=id)))


class RotateWebhookSecret(Endpoint):
    """A new secret for a webhook."""

    shown_once = frozenset({"secret"})

    @extend_schema(operation_id="rotate_webhook_secret", request=WebhookSecretInput, responses={201: MadeWebhookBody})
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """For the grace what is sent carries signatures by both. The secret is shown now and never again."""
        asked = read(WebhookSecretInput, request)
        return _made(actions.rotate_secret(actor=self.actor, endpoint_id=id, grace_hours=asked["grace_hours"]))


class TestWebhook(Endpoint):
    """Trying a webhook out."""

    @extend_schema(operation_id="test_webhook", request=None, responses={202: DeliveryBody})
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Send one event of type `webhook:tested` to it alone, once, whether it is on or off."""
        return Response(delivery_body(actions.send_test(actor=self.actor, endpoint_id=id)), status=202)


class ReplayWebhook(Endpoint):
    """Sending again what was sent."""

    @extend_schema(operation_id="replay_webhook", request=ReplayInput, responses={202: ReplayBody})
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """One delivery, or what happened within a range: each once, under the id that it had, signed anew."""
        asked = read(ReplayInput, request)
        failed_only = asked.pop("failed_only")
        if "delivery_id" in asked:
            delivery = actions.replay_delivery(actor=self.actor, endpoint_id=id, **asked)
            return Response({"delivery": delivery_body(delivery), "job": None}, status=202)
        job = actions.replay_range(actor=self.actor, endpoint_id=id, failed_only=failed_only, **asked)
        return Response({"delivery": None, "job": shape(job)}, status=202)


class WebhookDeliveries(Endpoint):
    """What was sent to a webhook within the last 30 days, newest first."""

    @extend_schema(operation_id="list_webhook_deliveries", responses=DeliveryList, parameters=[*PAGING, *FILTERS])
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        cursor, limit = page_arguments(request)
        rows = selectors.list_deliveries(
            self.actor,
            id,
            state=choice_argument(request, "state", STATES),
            tag=request.query_params.get("type", ""),
            before=uuid_cursor(cursor),
            limit=limit,
        )
        return page(rows, limit, delivery_body, lambda row: str(row.id))


class WebhookDelivery(Endpoint):
    """One delivery and all that was sent for it."""

    @extend_schema(operation_id="get_webhook_delivery", responses=DeliveryLifeBody)
    def get(self, request: Request, id: UUID, delivery_id: UUID, **_: Any) -> Response:
        sent = selectors.get_delivery(self.actor, id, delivery_id)
        life = {"body": sent.body, "headers": sent.headers, "tries": [attempt_body(each) for each in sent.attempts]}
        return Response(delivery_body(sent.delivery) | life)


environment_routes = [
    path("webhooks", Webhooks.as_view()),
    path("webhooks/<uuid:id>", WebhookItem.as_view()),
    path("webhooks/<uuid:id>/enable", EnableWebhook.as_view()),
    path("webhooks/<uuid:id>/disable", DisableWebhook.as_view()),
    path("webhooks/<uuid:id>/rotate-secret", RotateWebhookSecret.as_view()),
    path("webhooks/<uuid:id>/test", TestWebhook.as_view()),
    path("webhooks/<uuid:id>/replay", ReplayWebhook.as_view()),
    path("webhooks/<uuid:id>/deliveries", WebhookDeliveries.as_view()),
    path("webhooks/<uuid:id>/deliveries/<uuid:delivery_id>", WebhookDelivery.as_view()),
]
