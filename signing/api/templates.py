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
from signing.actions import bulk, papers, sending, templates
from signing.actions.drafts import Wish
from signing.actions.faults import fault
from signing.actions.templates import Use
from signing.api.agreements import PAGING
from signing.api.bodies import detail_body
from signing.models import Agreement, Template
from signing.paper.text import CHARACTERS_MOST
from signing.serializers import (
    AgreementDetailBody,
    TemplateBody,
    TemplateChange,
    TemplateInput,
    TemplateList,
    TemplateTextBody,
    TemplateTextInput,
    UseInput,
)

_USED = OpenApiExample(
    "One of many",
    request_only=True,
    value={
        "title": "Non-disclosure with Ferro",
        "people": [{"name": "Kim Ferro", "email": "kim@ferro.example"}],
        "values": {"company": "Ferro Ltd"},
    },
)


_RULES = ("message", "days", "remind_every", "may_delegate")


def template_body(template: Template) -> dict[str, Any]:
    plain = ("id", "name", "source", "keep_days", "held", "created_at")
    return {name: getattr(template, name) for name in plain} | {
        "roles": template.plan["roles"],
        "variables": template.plan["variables"],
        "columns": bulk.shape_of(template).columns,
        **{name: template.plan[name] for name in _RULES},
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

    @extend_schema(operation_id="change_agreement_template", request=TemplateChange, responses=TemplateBody)
    def patch(self, request: Request, id: UUID, **_: Any) -> Response:
        """Another name, message, life or rule, or other words for its roles. What came of it stays as it is."""
        body = read(TemplateChange, request)
        now = templates.get_template(self.actor, id, permission=Permission.SHARES_CREATE, lock=True)
        roles = body.pop("roles", [one["role"] for one in now.plan["roles"]])
        wish = Wish(title=body.pop("name", now.name), **{name: now.plan[name] for name in _RULES} | body)
        return Response(
            template_body(templates.change_template(actor=self.actor, template_id=id, wish=wish, roles=roles))
        )

    @extend_schema(operation_id="remove_agreement_template", responses={204: None})
    def delete(self, _request: Request, id: UUID, **_: Any) -> Response:
        """Remove a template that no hold is on. What came of it stays."""
        templates.remove_template(actor=self.actor, template_id=id)
        return Response(status=204)


class TemplateText(Endpoint):
    """The text of a template, which lies in the store."""

    own_context = True
    most_json_bytes = 6 * CHARACTERS_MOST + 1_000

    @extend_schema(operation_id="get_agreement_template_text", responses=TemplateTextBody)
    def get(self, _request: Request, id: UUID, **_: Any) -> Response:
        """Its Markdown, with its markers and variables. A template of a PDF has none (400)."""
        with tenant(self.actor.organization_id):
            found = templates.get_template(self.actor, id, permission=Permission.SHARES_CREATE)
        if found.source != Agreement.Source.TEXT:
            raise fault("/text", "The document of this template is a PDF.")
        return Response({"text": papers.read(found.organization_id, found.document_id).decode()})

    @extend_schema(operation_id="replace_agreement_template_text", request=TemplateTextInput, responses=TemplateBody)
    def put(self, request: Request, id: UUID, **_: Any) -> Response:
        """Put another text into it, with its own markers and variables. What came of it stays as it is."""
        text = read(TemplateTextInput, request)["text"]
        changed = templates.replace_text(actor=self.actor, template_id=id, text=text)
        with tenant(self.actor.organization_id):
            return Response(template_body(changed))


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
    path("agreement-templates/<uuid:id>/text", TemplateText.as_view()),
    path("agreement-templates/<uuid:id>/use", UseTemplate.as_view()),
]
