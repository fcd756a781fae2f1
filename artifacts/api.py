"""Published artifacts over /v1: made, deployed to by one request with a tar, switched, linked to, removed."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from artifacts import actions, selectors
from artifacts.actions import Access
from artifacts.models import Artifact, ArtifactLink, ArtifactVisit, Deployment
from artifacts.serializers import (
    ArtifactBody,
    ArtifactChange,
    ArtifactInput,
    ArtifactList,
    CurrentInput,
    DeploymentBody,
    DeploymentDetailBody,
    DeploymentList,
    FolderInput,
    LinkList,
    LinksInput,
    MadeLinksBody,
    VisitList,
)
from hq.db.context import tenant
from hq.web.api import Endpoint, number_cursor, page, page_arguments, read, uuid_cursor

_PAGING = [OpenApiParameter("cursor", str), OpenApiParameter("limit", int, description="1 to 200, 50 when left out.")]
_DIGESTS = [
    OpenApiParameter(
        "Content-Digest", str, "header", description="`sha-256=:…:` (RFC 9530). Refused if it does not fit."
    ),
    OpenApiParameter("X-Content-SHA256", str, "header", description="The same in hex."),
]


def artifact_body(artifact: Artifact) -> dict[str, Any]:
    return {
        "id": artifact.id,
        "name": artifact.name,
        "url": actions.address_of(artifact) + "/",
        "access": artifact.access,
        "current": artifact.current,
        "deployed": artifact.deployed,
        "created_at": artifact.created_at,
        "created_by": artifact.created_by_label,
    }


def deployment_body(deployment: Deployment) -> dict[str, Any]:
    return {
        "number": deployment.number,
        "files": deployment.files,
        "size": deployment.size,
        "created_at": deployment.created_at,
        "created_by": deployment.created_by_label,
    }


def link_body(link: ArtifactLink) -> dict[str, Any]:
    return {
        "id": link.id,
        "recipient": link.recipient,
        "state": link.state.value,
        "created_at": link.created_at,
        "created_by": link.created_by_label,
        "expires_at": link.expires_at,
        "opened_at": link.opened_at,
        "opened_ip": link.opened_ip,
        "revoked_at": link.revoked_at,
        "revoked_by": link.revoked_by_label,
    }


def visit_body(visit: ArtifactVisit) -> dict[str, Any]:
    return {name: getattr(visit, name) for name in ("at", "kind", "reason", "ip", "user_agent", "link_id")}


class Artifacts(Endpoint):
    """Published artifacts of an environment (SHR-4)."""

    @extend_schema(operation_id="list_artifacts", parameters=_PAGING, responses=ArtifactList)
    def get(self, request: Request, **_: Any) -> Response:
        """Artifacts, newest first."""
        cursor, limit = page_arguments(request)
        rows = selectors.list_artifacts(self.actor, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, artifact_body, lambda row: str(row.pk))

    @extend_schema(operation_id="create_artifact", request=ArtifactInput, responses={201: ArtifactBody})
    def post(self, request: Request, **_: Any) -> Response:
        """Make an artifact. Its address shows nothing before the first deployment."""
        body = read(ArtifactInput, request)
        artifact = actions.create_artifact(
            actor=self.actor,
            name=body["name"],
            access=Access(body["access"], body["password"]),
            address=body["address"],
        )
        return Response(artifact_body(artifact), status=201)


class ArtifactItem(Endpoint):
    """One artifact."""

    @extend_schema(operation_id="get_artifact", responses=ArtifactBody)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        """One artifact."""
        return Response(artifact_body(selectors.get_artifact(self.actor, id)))

    @extend_schema(operation_id="change_artifact", request=ArtifactChange, responses=ArtifactBody)
    def patch(self, request: Request, id: UUID, **_: Any) -> Response:
        """Give it another name, let others see it, or ask for another password."""
        body = read(ArtifactChange, request)
        kind, password = body.get("access"), body.get("password")
        if kind is None and password is not None:
            kind = Artifact.Access.PASSWORD.value
        access = Access(kind, password) if kind is not None else None
        changed = actions.change_artifact(actor=self.actor, artifact_id=id, name=body.get("name"), access=access)
        return Response(artifact_body(changed))

    @extend_schema(operation_id="remove_artifact", responses={204: None})
    def delete(self, request: Request, id: UUID, **_: Any) -> Response:
        """Delete it with every deployment and link. Its address answers nothing any more."""
        actions.remove_artifact(actor=self.actor, artifact_id=id)
        return Response(status=204)


class Deployments(Endpoint):
    """Deployments of an artifact. The body of a new one is streamed."""

    own_context = True
    digest_is_checked = True
    parser_classes = ()  # nothing reads the body but the action

    @extend_schema(operation_id="list_deployments", parameters=_PAGING, responses=DeploymentList)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        """Deployments, newest first."""
        cursor, limit = page_arguments(request)
        with tenant(self.actor.organization_id):
            artifact = selectors.get_artifact(self.actor, id)
            rows = selectors.list_deployments(self.actor, artifact, before=number_cursor(cursor), limit=limit)
            return page(rows, limit, deployment_body, lambda row: str(row.number))

    @extend_schema(
        operation_id="deploy",
        parameters=_DIGESTS,
        request={"application/x-tar": OpenApiTypes.BINARY, "application/gzip": OpenApiTypes.BINARY},
        responses={201: DeploymentBody},
    )
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Deploy what a tar holds, gzipped or not, and show it: all of it or, if anything in it is refused, nothing."""
        deployment = actions.deploy_request(self.plain, self.actor, id)
        with tenant(self.actor.organization_id):
            return Response(deployment_body(deployment), status=201)


class FolderDeployments(Endpoint):
    """Deployments from the vault."""

    own_context = True

    @extend_schema(operation_id="deploy_folder", request=FolderInput, responses={201: DeploymentBody})
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Deploy the files of a folder as they are now, and show them."""
        body = read(FolderInput, request)
        deployment = actions.deploy_folder(actor=self.actor, artifact_id=id, folder=body["folder"])
        with tenant(self.actor.organization_id):
            return Response(deployment_body(deployment), status=201)


class DeploymentItem(Endpoint):
    """One deployment."""

    @extend_schema(operation_id="get_deployment", responses=DeploymentDetailBody)
    def get(self, request: Request, id: UUID, number: int, **_: Any) -> Response:
        """A deployment, and what it changed."""
        artifact = selectors.get_artifact(self.actor, id)
        deployment = selectors.get_deployment(self.actor, artifact, number)
        found = selectors.compare(self.actor, deployment)
        counts = {"added": found.added, "changed": found.changed, "removed": found.removed}
        return Response(deployment_body(deployment) | counts | {"changes": [asdict(one) for one in found.listed]})

    @extend_schema(operation_id="remove_deployment", responses={204: None})
    def delete(self, request: Request, id: UUID, number: int, **_: Any) -> Response:
        """Delete a deployment that is not shown. Its number is never used again."""
        actions.remove_deployment(actor=self.actor, artifact_id=id, number=number)
        return Response(status=204)


class Current(Endpoint):
    """Which deployment is shown."""

    @extend_schema(operation_id="show_deployment", request=CurrentInput, responses=ArtifactBody)
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Switch to a deployment, forwards or back. It shows within a second."""
        number = read(CurrentInput, request)["deployment"]
        return Response(artifact_body(actions.show_deployment(actor=self.actor, artifact_id=id, number=number)))


class ArtifactLinks(Endpoint):
    """Links to an artifact (SHR-2)."""

    shown_once = frozenset({"items"})

    @extend_schema(operation_id="list_artifact_links", parameters=_PAGING, responses=LinkList)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        """Links, newest first, without their tokens, which nobody has any more."""
        cursor, limit = page_arguments(request)
        artifact = selectors.get_artifact(self.actor, id)
        rows = selectors.list_links(self.actor, artifact, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, link_body, lambda row: str(row.pk))

    @extend_schema(operation_id="create_artifact_links", request=LinksInput, responses={201: MadeLinksBody})
    def post(self, request: Request, id: UUID, **_: Any) -> Response:
        """Make a link for each recipient. Each lets one browser in, once."""
        body = read(LinksInput, request)
        made = actions.create_links(
            actor=self.actor, artifact_id=id, recipients=body["recipients"], ttl_seconds=body["ttl_seconds"]
        )
        items = [
            {"id": one.link.id, "recipient": one.link.recipient, "url": one.url, "expires_at": one.link.expires_at}
            for one in made
        ]
        return Response({"items": items}, status=201)


class ArtifactLinkItem(Endpoint):
    """One link."""

    @extend_schema(operation_id="revoke_artifact_link", responses={204: None})
    def delete(self, request: Request, id: UUID, link_id: UUID, **_: Any) -> Response:
        """End a link; whoever came in by it is out within a minute."""
        actions.revoke_link(actor=self.actor, artifact_id=id, link_id=link_id)
        return Response(status=204)


class Visits(Endpoint):
    """What was done at the door of an artifact (SHR-5)."""

    @extend_schema(operation_id="list_artifact_visits", responses=VisitList)
    def get(self, request: Request, id: UUID, **_: Any) -> Response:
        """The newest 200, newest first."""
        artifact = selectors.get_artifact(self.actor, id)
        rows = selectors.list_visits(self.actor, artifact)
        return Response({"items": [visit_body(row) for row in rows], "next_cursor": None})


routes = [
    path("artifacts", Artifacts.as_view()),
    path("artifacts/<uuid:id>", ArtifactItem.as_view()),
    path("artifacts/<uuid:id>/deployments", Deployments.as_view()),
    path("artifacts/<uuid:id>/deployments/<int:number>", DeploymentItem.as_view()),
    path("artifacts/<uuid:id>/folder-deployments", FolderDeployments.as_view()),
    path("artifacts/<uuid:id>/current", Current.as_view()),
    path("artifacts/<uuid:id>/links", ArtifactLinks.as_view()),
    path("artifacts/<uuid:id>/links/<uuid:link_id>", ArtifactLinkItem.as_view()),
    path("artifacts/<uuid:id>/visits", Visits.as_view()),
]
