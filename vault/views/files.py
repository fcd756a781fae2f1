"""The pages of files, and what is done on them."""

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import Invalid, NotFound
from hq.lib.paths import clean_path
from hq.web import transfer
from hq.web.portal import own_context, refuse_invalid, tell
from hq.web.request import TenantRequest, may_still
from vault import actions, selectors
from vault.actions import Conditions
from vault.forms import BrowseForm, ChosenForm, RestoreForm
from vault.models import ObjectVersion
from vault.selectors import Folder
from vault.views.uploads import let_parts_travel

PAGE = 50


def may(actor: Actor, folder: str) -> dict[str, bool]:
    """What the page offers for the files of a folder: the same for each, as a rule stands on folders.

    For showing only: each action asks the gate itself.
    """
    return {
        "may_write": gate.allows(actor, Permission.OBJECTS_WRITE, path=folder),
        "may_delete": gate.allows(actor, Permission.OBJECTS_DELETE, path=folder),
        "may_share": gate.allows(actor, Permission.SHARES_CREATE, path=folder),
    }


def address(name: str, where: dict[str, str], **query: Any) -> str:
    """A page of this room; empty parts of the query are left out."""
    kept = urlencode({key: value for key, value in query.items() if value}, doseq=True)
    return reverse(f"vault:{name}", kwargs=where) + (f"?{kept}" if kept else "")


def browse(request: TenantRequest, **where: str) -> HttpResponse:
    """One folder: its folders, then its files. Folder, filter and page are in the address."""
    form = BrowseForm(request.GET)
    refuse_invalid(form)
    folder, begins = form.cleaned_data["folder"], form.cleaned_data["q"]
    if form.cleaned_data["into"]:
        return HttpResponseRedirect(address("browse", where, folder=folder))
    cursor = request.GET.get("cursor", "")
    rows = selectors.list_objects(request.actor, prefix=folder + begins, folders=True, after=cursor, limit=PAGE)
    query = {"folder": folder, "q": begins}
    older = selectors.position(rows[PAGE - 1]) if len(rows) > PAGE else ""
    context = {
        "folder": folder,
        "name": folder.rstrip("/").rpartition("/")[2],
        "steps": steps(folder, where),
        "q": begins,
        "folders": [row for row in rows[:PAGE] if isinstance(row, Folder)],
        "files": [row for row in rows[:PAGE] if isinstance(row, ObjectVersion)],
        "totals": selectors.count_below(request.actor, folder),
        "older": address("browse", where, **query, cursor=older) if older else "",
        "first": address("browse", where, **query) if cursor else "",
        "undo": selectors.find_restorable(request.actor, request.GET.getlist("undo")[:5]),
        "here": address("browse", where, folder=folder),
        "object_base": reverse("vault:object", kwargs={**where, "path": "x"})[:-1],
        "limited": not gate.allows(request.actor, Permission.OBJECTS_READ, path=folder),
        **may(request.actor, folder),
    }
    page = render(request, "vault/browse.html", context)
    return let_parts_travel(request, page) if context["may_write"] else page


def steps(folder: str, where: dict[str, str]) -> list[tuple[str, str]]:
    """The way down: names, and the addresses of all but the last."""
    names = folder.split("/")[:-1]
    return [
        (name, address("browse", where, folder="/".join(names[: depth + 1]) + "/") if depth < len(names) - 1 else "")
        for depth, name in enumerate(names)
    ]


def row(request: TenantRequest, **where: str) -> HttpResponse:
    """One file's rows, for the page that is open: with its versions, or without."""
    path = request.GET.get("path", "")
    file = selectors.get_object(request.actor, path)
    opened = selectors.list_versions(request.actor, path, limit=10) if request.GET.get("open") else []
    more = len(opened) > 10
    offered = may(request.actor, selectors.folder_of(file.path))
    context = {"file": file, "versions": opened[:10], "more": more, "open": bool(opened), **offered}
    return render(request, "vault/_file.html", context)


def versions(request: TenantRequest, **where: str) -> HttpResponse:
    """A file's history."""
    path, cursor = request.GET.get("path", ""), request.GET.get("cursor", "")
    before = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) <= 9 else None
    rows = selectors.list_versions(request.actor, path, before=before, limit=PAGE)
    stored = rows[0].object if rows else None
    if stored is None:
        raise NotFound
    folder = selectors.folder_of(stored.path)
    context = {
        "stored": stored,
        "versions": rows[:PAGE],
        "folder": folder,
        "steps": [(name, url or address("browse", where, folder=folder)) for name, url in steps(folder, where)],
        "older": address("versions", where, path=stored.path, cursor=rows[PAGE - 1].number) if len(rows) > PAGE else "",
        "first": address("versions", where, path=stored.path) if cursor else "",
        **may(request.actor, folder),
    }
    return render(request, "vault/versions.html", context)


def deleted(request: TenantRequest, **where: str) -> HttpResponse:
    """What was deleted and can be brought back."""
    cursor = request.GET.get("cursor", "")
    rows = selectors.list_deleted(request.actor, after=cursor, limit=PAGE)
    older = selectors.position_of_deleted(rows[PAGE - 1]) if len(rows) > PAGE else ""
    may_write = gate.reaches(request.actor, Permission.OBJECTS_WRITE)
    writable = selectors.reach_of(request.actor, Permission.OBJECTS_WRITE) if may_write else ()
    kept_until = selectors.kept_until(request.actor)
    context = {
        "files": [(file, selectors.lies_in(file.path, writable), kept_until(file)) for file in rows[:PAGE]],
        "older": address("deleted", where, cursor=older) if older else "",
        "first": address("deleted", where) if cursor else "",
    }
    return render(request, "vault/deleted.html", context)


@own_context
def stored_object(request: TenantRequest, path: str, **where: str) -> HttpResponse:
    """Download by GET, upload by PUT, both streamed."""
    if request.method == "PUT":
        return _store(request, path)
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD", "PUT"])
    number = request.GET.get("version")
    if number is not None and not (number.isascii() and number.isdigit() and 1 <= len(number) <= 9 and int(number)):
        raise Invalid("The version is a number.")
    opened = actions.open_object(actor=request.actor, path=path, version=int(number) if number else None)
    # A stream is no HttpResponse in the types only.
    still = may_still(request, Permission.OBJECTS_READ, opened.version.path)
    return cast("HttpResponse", transfer.download(request, opened.described, opened.read, still))


def _store(request: TenantRequest, path: str) -> HttpResponse:
    body = transfer.body(request, may_still(request, Permission.OBJECTS_WRITE, clean_path(path)))
    stored = actions.put_object(
        actor=request.actor,
        path=path,
        chunks=body.chunks,
        content_type=body.content_type,
        conditions=Conditions(transfer.if_match(request), transfer.if_none_match(request)),
        expected_size=body.length,
        expected_sha256=body.sha256,
    )
    version = stored.version
    answer = {"path": version.path, "version": version.number, "size": version.size, "sha256": version.sha256}
    return JsonResponse(answer, status=201 if stored.created else 200, headers={"ETag": version.etag})


@own_context
@require_POST
def upload(request: TenantRequest, **where: str) -> HttpResponse:
    """The way without a script: a form, so only what fits into memory. Django refuses the rest before it is read."""
    form = BrowseForm(request.POST)
    refuse_invalid(form)
    folder = form.cleaned_data["folder"]
    files = request.FILES.getlist("files")
    if not files:
        raise Invalid(
            "No file came, or it is too large for a form. With scripts on, files of any size can be uploaded."
        )
    for file in files:
        actions.put_object(
            actor=request.actor,
            path=f"{folder}{file.name}",
            chunks=file.chunks(),
            content_type=transfer.media_type(file.content_type or ""),
            expected_size=file.size,
        )
    tell(request, f"{len(files)} file{'s' * (len(files) > 1)} stored.", where)
    return HttpResponseRedirect(address("browse", where, folder=folder))


@own_context
@require_POST
def chosen(request: TenantRequest, **where: str) -> HttpResponse:
    """Share the ticked files and folders, or delete the files: each in a transaction, with an event of its own."""
    form = ChosenForm(request.POST)
    refuse_invalid(form)
    if form.cleaned_data["action"] == "share":
        query = urlencode({"path": form.cleaned_data["paths"]}, doseq=True)
        return HttpResponseRedirect(f"{reverse('sharing:new', kwargs=where)}?{query}")
    gone = actions.delete_objects(actor=request.actor, paths=form.cleaned_data["paths"])
    if gone:
        name = gone[0].rpartition("/")[2] if len(gone) == 1 else f"{len(gone)} files"
        tell(request, f"{name} deleted. {'Its' if len(gone) == 1 else 'Their'} versions are kept.", where)
    else:
        messages.info(request, "Nothing was deleted. These files are gone already.")
    return HttpResponseRedirect(address("browse", where, folder=form.cleaned_data["folder"], undo=gone[:5]))


@own_context
@require_POST
def restore(request: TenantRequest, **where: str) -> HttpResponse:
    """Bring back a deleted file, or an older version as a new one."""
    form = RestoreForm(request.POST)
    refuse_invalid(form)
    version = actions.restore_object(
        actor=request.actor, path=form.cleaned_data["path"], version=form.cleaned_data["version"]
    )
    with tenant(request.actor.organization_id):
        came_from = f", version {version.restored_from} again" if version.restored_from else ""
        tell(request, f"{version.object.name} restored. It is version {version.number}{came_from}.", where)
    return HttpResponseRedirect(address("browse", where, folder=selectors.folder_of(version.path)))
