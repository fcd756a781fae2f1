"""What a sender does to an agreement over /v1 once it is ready: send, remind, extend, correct, void."""

from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.web.api import Endpoint, read
from signing import selectors
from signing.actions import sending
from signing.api.bodies import detail_body
from signing.models import Agreement
from signing.serializers import AgreementDetailBody, CorrectionInput, DaysInput, ReasonInput, RemindedBody


class Send(Endpoint):
    """Sending. A text is read from the store first."""

    own_context = True
    acts_last = True

    @extend_schema(operation_id="send_agreement", request=None, responses=AgreementDetailBody)
    def post(self, _request: Request, id: UUID, **_: Any) -> Response:
        """Write to whoever's turn it is first. From now on nothing of it changes."""
        with tenant(self.actor.organization_id):
            found = selectors.get_agreement(self.actor, id, permission=Permission.SHARES_CREATE)
        text = sending.text_of(found) if found.source == Agreement.Source.TEXT else ""
        return self.act(
            lambda: Response(detail_body(sending.send_agreement(actor=self.actor, agreement_id=id, text=text)))
        )


class Remind(Endpoint):
    """Reminding."""

    @extend_schema(operation_id="remind_agreement", request=None, responses=RemindedBody)
    def post(self, _request: Request, id: UUID, **_: Any) -> Response:
        """Mail the same link again to everybody who is asked now and has not acted."""
        return Response({"mails": sending.remind_signers(actor=self.actor, agreement_id=id)})


class Extend(Endpoint):
    """Giving more time."""

    @extend_schema(operation_id="extend_agreement", request=DaysInput, responses=AgreementDetailBody)
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Let it be signed for so many days from now."""
        days = read(DaysInput, request)["days"]
        return Response(detail_body(sending.extend_agreement(actor=self.actor, agreement_id=id, days=days)))


class Void(Endpoint):
    """Ending it early."""

    @extend_schema(operation_id="void_agreement", request=ReasonInput, responses=AgreementDetailBody)
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """End it before everybody has signed, and tell whoever was asked why."""
        reason = read(ReasonInput, request)["reason"]
        return Response(detail_body(sending.void_agreement(actor=self.actor, agreement_id=id, reason=reason)))


class Correct(Endpoint):
    """A wrong name or address."""

    @extend_schema(operation_id="correct_agreement_signer", request=CorrectionInput, responses=AgreementDetailBody)
    def post(self, request: Request, id: UUID, signer_id: UUID, **_: Any) -> Response:
        """Correct somebody who has not agreed to sign yet. The link that went out opens nothing any more."""
        body = read(CorrectionInput, request)
        sending.correct_signer(actor=self.actor, agreement_id=id, signer_id=signer_id, **body)
        return Response(detail_body(selectors.get_agreement(self.actor, id, permission=Permission.SHARES_CREATE)))


routes = [
    path("agreements/<uuid:id>/send", Send.as_view()),
    path("agreements/<uuid:id>/remind", Remind.as_view()),
    path("agreements/<uuid:id>/extend", Extend.as_view()),
    path("agreements/<uuid:id>/void", Void.as_view()),
    path("agreements/<uuid:id>/signers/<uuid:signer_id>/correct", Correct.as_view()),
]
