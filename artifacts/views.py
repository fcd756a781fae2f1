"""Artifacts, as those who publish see them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from artifacts import actions, selectors
from artifacts.actions import Access
from artifacts.actions.artifacts import ArtifactAlreadyMade, CannotBePublished
from artifacts.actions.links import CannotBeLinked, NeedsNoLink
from artifacts.forms import AccessForm, FolderForm, LinksForm, NewForm, NumberForm
from artifacts.models import BYTES_MOST, FILES_MOST, Artifact
from hq.authz import gate
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid
from hq.web.portal import own_context, refuse_invalid, tell, to
from hq.web.request import TenantRequest

PAGE = 50
SHOWN = 20


def artifact_list(request: TenantRequest, **where: str) -> HttpResponse:
    """Every artifact of the environment."""
    before = _cursor(request.GET.get("cursor", ""))
    rows = selectors.list_artifacts(request.actor, before=before, limit=PAGE)
    here = reverse("artifacts:list", kwargs=where)
    context = {
        "artifacts": [(row, actions.address_of(row)) for row in rows[:PAGE]],
        "may_create": gate.allows(request.actor, Permission.SHARES_CREATE),
        "older": f"{here}?cursor={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
        "newest": here if before else "",
    }
    return render(request, "artifacts/list.html", context)


def _cursor(raw: str) -> UUID | None:
    try:
        return UUID(raw) if raw else None
    except ValueError:
        raise Invalid("The address of this page is not one of ours.") from None


def new_artifact(request: TenantRequest, **where: str) -> HttpResponse:
    """Make one; the next page takes its files."""
    gate.require(request.actor, Permission.SHARES_CREATE)
    form = NewForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = actions.create_artifact(
                actor=request.actor,
                name=data["name"],
                access=Access(data["access"], data["password"]),
                address=data["address"].strip().lower(),
                artifact_id=data["once"],
            )
        except CannotBePublished as refused:
            _explain(form, refused)
        except ArtifactAlreadyMade as refused:
            form.add_error(None, str(refused))
        else:
            tell(request, f"{made.name} made. It shows nothing until you deploy to it.", where)
            return to("artifacts:artifact", where, id=made.pk)
    return render(request, "artifacts/new.html", {"form": form}, status=400 if form.errors else 200)


def _explain(form: Any, refused: CannotBePublished | CannotBeLinked) -> None:
    """Put each fault beside its field."""
    for fault in refused.errors:
        name = fault["pointer"].split("/")[1]
        form.add_error(name if name in form.fields else None, fault["detail"])


def artifact(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """One artifact: what it shows, what it showed, who came, and what can be done."""
    found = selectors.get_artifact(request.actor, id)
    deployments = selectors.list_deployments(request.actor, found, limit=SHOWN)
    links = selectors.list_links(request.actor, found, limit=SHOWN)
    context = {
        **_of(request, found),
        "deployments": deployments[:SHOWN],
        "more_deployments": len(deployments) > SHOWN,
        "links": links[:SHOWN],
        "more_links": len(links) > SHOWN,
        "visits": selectors.list_visits(request.actor, found, limit=SHOWN),
        "files_most": FILES_MOST,
        "megabytes_most": BYTES_MOST // 1024**2,
    }
    return render(request, "artifacts/artifact.html", context)


def _of(request: TenantRequest, found: Artifact) -> dict[str, Any]:
    return {
        "artifact": found,
        "address": f"{actions.address_of(found)}/",
        "may_deploy": gate.allows(request.actor, Permission.SHARES_CREATE),
        "may_remove": gate.allows(request.actor, Permission.SHARES_REVOKE),
    }


def change(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Another name, or others who may see it."""
    gate.require(request.actor, Permission.SHARES_CREATE)
    found = selectors.get_artifact(request.actor, id)
    form = AccessForm(
        request.POST if request.method == "POST" else None, initial={"name": found.name, "access": found.access}
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            actions.change_artifact(
                actor=request.actor,
                artifact_id=id,
                name=data["name"],
                access=Access(data["access"], data["password"]),
            )
        except CannotBePublished as refused:
            _explain(form, refused)
        else:
            tell(request, "Changed. Whoever came in by the former rule is out within a minute.", where)
            return to("artifacts:artifact", where, id=id)
    context = {**_of(request, found), "form": form}
    return render(request, "artifacts/change.html", context, status=400 if form.errors else 200)


@own_context
@require_POST
def deploy(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """The body is a tar, streamed; or, without a script, a form with one that fits into memory."""
    gate.require(request.actor, Permission.SHARES_CREATE)
    if (request.content_type or "").startswith("multipart/"):
        archive = request.FILES.get("archive")
        if archive is None:
            raise Invalid(
                "No archive came, or it is too large for a form. With scripts on, folders of any size can be deployed."
            )
        made = actions.deploy_archive(actor=request.actor, artifact_id=id, chunks=iter(archive.chunks()))
        tell(request, f"Deployment {made.number} is shown: {made.files} files.", where)
        return to("artifacts:artifact", where, id=id)
    made = actions.deploy_request(request, request.actor, id)
    return JsonResponse({"number": made.number, "files": made.files, "size": made.size}, status=201)


@own_context
@require_POST
def deploy_folder(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """From the files of this environment."""
    gate.require(request.actor, Permission.SHARES_CREATE)
    form = FolderForm(request.POST)
    refuse_invalid(form)
    made = actions.deploy_folder(actor=request.actor, artifact_id=id, folder=form.cleaned_data["folder"])
    tell(request, f"Deployment {made.number} is shown: {made.files} files.", where)
    return to("artifacts:artifact", where, id=id)


@require_POST
def switch(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Show another deployment."""
    gate.require(request.actor, Permission.SHARES_CREATE)
    form = NumberForm(request.POST)
    refuse_invalid(form)
    number = form.cleaned_data["deployment"]
    actions.show_deployment(actor=request.actor, artifact_id=id, number=number)
    tell(request, f"Deployment {number} is shown now.", where)
    return to("artifacts:artifact", where, id=id)


def deployment(request: TenantRequest, id: UUID, number: int, **where: str) -> HttpResponse:
    """One deployment, and what it changed."""
    found = selectors.get_artifact(request.actor, id)
    one = selectors.get_deployment(request.actor, found, number)
    context = {**_of(request, found), "deployment": one, "changes": selectors.compare(request.actor, one)}
    return render(request, "artifacts/deployment.html", context)


@require_POST
def remove_deployment(request: TenantRequest, id: UUID, number: int, **where: str) -> HttpResponse:
    """Delete one that is not shown."""
    actions.remove_deployment(actor=request.actor, artifact_id=id, number=number)
    tell(request, f"Deployment {number} removed.", where)
    return to("artifacts:artifact", where, id=id)


def new_links(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Make links. They are shown on the answer to this form and never again."""
    gate.require(request.actor, Permission.SHARES_CREATE)
    found = selectors.get_artifact(request.actor, id)
    form = LinksForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = actions.create_links(
                actor=request.actor, artifact_id=id, recipients=data["recipients"], ttl_seconds=data["ttl_seconds"]
            )
        except CannotBeLinked as refused:
            _explain(form, refused)
        except NeedsNoLink as refused:
            form.add_error(None, str(refused))
        else:
            return render(request, "artifacts/links_made.html", {**_of(request, found), "made": made})
    context = {**_of(request, found), "form": form}
    return render(request, "artifacts/new_links.html", context, status=400 if form.errors else 200)


@require_POST
def revoke_link(request: TenantRequest, id: UUID, link_id: UUID, **where: str) -> HttpResponse:
    """End a link."""
    link = actions.revoke_link(actor=request.actor, artifact_id=id, link_id=link_id)
    messages.success(request, f"{link.title} revoked. Whoever came in by it is out within a minute.")
    return to("artifacts:artifact", where, id=id)


def remove(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Says what is lost, and asks for the name before it removes."""
    gate.require(request.actor, Permission.SHARES_REVOKE)
    found = selectors.get_artifact(request.actor, id)
    wrong = False
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() == found.name:
            actions.remove_artifact(actor=request.actor, artifact_id=id)
            tell(request, f"{found.name} removed. Its address answers nothing any more.", where)
            return to("artifacts:list", where)
        wrong = True
    loss = (
        f"{actions.address_of(found)} answers nothing from then on, and no other artifact ever gets that address."
        " Every deployment, link and visit goes with it; the trail stays. It cannot be brought back."
    )
    context = {**_of(request, found), "loss": loss, "wrong": wrong}
    return render(request, "artifacts/remove.html", context, status=400 if wrong else 200)
