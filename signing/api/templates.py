"""Templates of agreements over /v1."""

from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.web.api import Endpoint, page, page_arguments, read, uuid_cursor
from signing import selectors
from signing.actions import sending, templates
from signing.actions.templates import Use
from signing.api.agreements import PAGING
from signing.api.bodies import detail_body
from signing.models import Agreement, Template
from signing.serializers import AgreementDetailBody, TemplateBody, TemplateInput, TemplateList, UseInput

_USED = OpenApiExample(
    "One of many",
    request_only=True,
    value={
        "title": "Non-disclosure with Ferro",
        "people": [{"name": "Kim Ferro", "email": "kim@ferro.example"}],
        "values": {"company": "Ferro Ltd"},
    },
)


def template_body(template: Template) -> dict[str, Any]:
    plain = ("id", "name", "source", "keep_days", "held", "created_at")
    return {name: getattr(template, name) for name in plain} | {
        "roles": template.plan["roles"],
        "variables": template.plan["variables"],
        "created_by": template.created_by_label,
    }


class Templates(Endpoint):
    """Templates of an environment. A text is read from the store to find its variables."""

    own_context = True
    acts_last = True

    @extend_schema(operation_id="list_agreement_templates", parameters=PAGING, responses=TemplateList)
    def get(self, request: Request, **_: Any) -> Response:
        """Newest first."""
        cursor, limit = page_arguments(request)
        with tenant(self.actor.organization_id):
            rows = templates.list_templates(self.actor, before=uuid_cursor(cursor), limit=limit + 1)
            return page(rows, limit, template_body, lambda row: str(row.id))

    @extend_schema(operation_id="create_agreement_template", request=TemplateInput, responses={201: TemplateBody})
    def post(self, request: Request, **_: Any) -> Response:
        """Make a template of an agreement: its document, its roles and where what is filled in."""
        body = read(TemplateInput, request)
        with tenant(self.actor.organization_id):
            found = selectors.get_agreement(self.actor, body["agreement_id"], permission=Permission.SHARES_CREATE)
        text = sending.text_of(found) if found.source == Agreement.Source.TEXT else ""

        def act() -> Response:
            made = templates.keep_as_template(actor=self.actor, agreement_id=found.id, name=body["name"], text=text)
            return Response(template_body(made), status=201)

        return self.act(act)


class TemplateItem(Endpoint):
    """One template."""

    @extend_schema(operation_id="get_agreement_template", responses=TemplateBody)
    def get(self, _request: Request, id: UUID, **_: Any) -> Response:
        """A template: who plays which part, and what is filled in when it is used."""
        return Response(template_body(templates.get_template(self.actor, id)))

    @extend_schema(operation_id="remove_agreement_template", responses={204: None})
    def delete(self, _request: Request, id: UUID, **_: Any) -> Response:
        """Remove a template that no hold is on. What came of it stays."""
        templates.remove_template(actor=self.actor, template_id=id)
        return Response(status=204)


class UseTemplate(Endpoint):
    """Using a template. Its text is filled in and sealed into the store before there is a row."""

    own_context = True
    acts_last = True

    @extend_schema(
        operation_id="use_agreement_template", request=UseInput, responses={201: AgreementDetailBody}, examples=[_USED]
    )
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Make a draft of it. Look at it, then send it like any other."""
        body = read(UseInput, request)
        people = [(one["name"], one["email"]) for one in body["people"]]
        use = Use(title=body["title"], people=people, values=body.get("values", {}))
        with tenant(self.actor.organization_id):
            template = templates.get_template(self.actor, id, permission=Permission.SHARES_CREATE)
        filled = templates.fill_document(template, self.actor, use.values)
        return self.act(lambda: Response(detail_body(templates.insert_from(self.actor, filled, use)), status=201))


routes = [
    path("agreement-templates", Templates.as_view()),
    path("agreement-templates/<uuid:id>", TemplateItem.as_view()),
    path("agreement-templates/<uuid:id>/use", UseTemplate.as_view()),
]
